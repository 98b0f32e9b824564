/// Why a request is not carried out.
enum Problem: Equatable, Sendable {
    /// With what is wrong with the token, if there was one.
    case notSignedIn(TokenFault?)
    /// The last sign-in is too long ago for a change.
    case reauthenticationNeeded
    case notFound
    case methodNotAllowed
    case crossSite
    /// The part of the request that is wrong, as programs name it.
    case invalid(String)
    case unsupportedType
    case tooLarge
    case requestTimeout
    case keyChanged
    case preconditionNeeded
    case tooMany
    case busy
    case storeUnavailable
    case outcomeUnknown

    /// The last part of the type's URN.
    var name: String {
        switch self {
        case .notSignedIn: "not-signed-in"
        case .reauthenticationNeeded: "reauthentication-needed"
        case .notFound: "not-found"
        case .methodNotAllowed: "method-not-allowed"
        case .crossSite: "cross-site"
        case .invalid: "invalid"
        case .unsupportedType: "unsupported-type"
        case .tooLarge: "too-large"
        case .requestTimeout: "request-timeout"
        case .keyChanged: "key-changed"
        case .preconditionNeeded: "precondition-needed"
        case .tooMany: "too-many"
        case .busy: "busy"
        case .storeUnavailable: "store-unavailable"
        case .outcomeUnknown: "outcome-unknown"
        }
    }

    var status: Int {
        switch self {
        case .invalid: 400
        case .notSignedIn, .reauthenticationNeeded: 401
        case .crossSite: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .keyChanged: 412
        case .tooLarge: 413
        case .unsupportedType: 415
        case .preconditionNeeded: 428
        case .tooMany: 429
        case .busy, .storeUnavailable, .outcomeUnknown: 503
        }
    }

    /// Whether the same request may succeed in a second.
    var isTemporary: Bool { self == .busy || self == .storeUnavailable }

    /// What the log says about it; `nil` if the line of the request says enough.
    var note: String? {
        guard case .notSignedIn(let fault?) = self else { return nil }
        return "the token \(fault.rawValue)"
    }
}
