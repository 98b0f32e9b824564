import Keyring

/// A change that an owner makes.
public enum ChangeKind: String, Sendable, CaseIterable {
    case generate
    case revoke
}

/// What a path names.
public enum Route: Equatable, Sendable {
    /// `{base}/{organization}`
    case page(String)
    /// `{base}/{organization}/generate` and `…/revoke`
    case change(ChangeKind, String)
    /// `{base}/assets/{file}`
    case asset(String)
    /// `{base}/api/v1/organizations/{organization}/key`
    case key(String)
    /// `{base}/api/v1/organizations/{organization}/audit`
    case audit(String)
    /// `{base}/api/v1/openapi.json`
    case description
    /// `/healthz`
    case health
    /// `/readyz`
    case readiness
    /// `/metrics`
    case metrics

    /// What the path names; `nil` if it names nothing.
    ///
    /// - Parameter base: The prefix of all paths but those for the host itself.
    public init?(_ path: Substring, base: String) {
        switch path {
        case "/healthz": self = .health
        case "/readyz": self = .readiness
        case "/metrics": self = .metrics
        default:
            guard path.hasPrefix(base + "/") else { return nil }
            let words = path.dropFirst(base.count + 1)
                .split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard let route = Self.under(words) else { return nil }
            self = route
        }
    }

    private static func under(_ words: [String]) -> Route? {
        guard !words.contains("") else { return nil }
        switch (words.count, words[0]) {
        case (1, let name): return .page(name)
        case (2, let name):
            // An organization may be named "assets".
            if let change = ChangeKind(rawValue: words[1]) { return .change(change, name) }
            return name == "assets" ? .asset(words[1]) : nil
        case (3, "api") where words[1...] == ["v1", "openapi.json"]: return .description
        case (5, "api") where words[1...2] == ["v1", "organizations"]:
            switch words[4] {
            case "key": return .key(words[3])
            case "audit": return .audit(words[3])
            default: return nil
            }
        default: return nil
        }
    }

    /// The name of the organization in the path, whether or not there can be one; `nil` if there is none.
    var organizationName: String? {
        switch self {
        case .page(let name), .change(_, let name), .key(let name), .audit(let name): name
        case .asset, .description, .health, .readiness, .metrics: nil
        }
    }

    /// The methods that the route answers, besides HEAD where it answers GET.
    public var methods: [String] {
        switch self {
        case .change: ["GET", "POST"]
        case .key: ["GET", "POST", "DELETE"]
        case .page, .asset, .audit, .description, .health, .readiness, .metrics: ["GET"]
        }
    }

    /// Whether problems are answered in JSON in any case.
    var isForPrograms: Bool {
        switch self {
        case .key, .audit, .description, .health, .readiness, .metrics: true
        case .page, .change, .asset: false
        }
    }

    /// The path with the names of its variable parts, below the base: what logs and metrics may show.
    public var template: String {
        switch self {
        case .page: "/{organization}"
        case .change(let kind, _): "/{organization}/\(kind.rawValue)"
        case .asset: "/assets/{file}"
        case .key: "/api/v1/organizations/{organization}/key"
        case .audit: "/api/v1/organizations/{organization}/audit"
        case .description: "/api/v1/openapi.json"
        case .health: "/healthz"
        case .readiness: "/readyz"
        case .metrics: "/metrics"
        }
    }
}
