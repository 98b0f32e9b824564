import Administration
import Keyring

/// Work that needs the store.
public struct Job: Sendable {
    /// What is to be done.
    enum Work: Sendable {
        case page(revokedAt: UnixTime?)
        case question(ChangeKind)
        case generate(Precondition, KeyLifetime)
        case revoke(Precondition)
        case status
        case audit(since: UInt64?)
        case readiness
    }

    let work: Work
    let request: RequestContext

    /// Who asks; `nil` if it does not matter.
    public let principal: Principal?

    /// Where the request came from, for the audit; `nil` if that is unknown, or not to be kept.
    public let address: ClientAddress?

    /// The organization that is named; `nil` if there can be none with such a name, or none is named.
    let organization: Organization?

    /// What limits the changes of an organization: its name and the one who asks, so that nobody can use up
    /// what is the owner's. `nil` if nothing is changed.
    public var changeLimitName: String? {
        switch work {
        case .generate, .revoke:
            guard let principal, let organization else { return nil }
            return "\(organization) \(principal)"
        case .page, .question, .status, .audit, .readiness: return nil
        }
    }

    /// What limits the questions to all gateways; `nil` if there is none.
    public var inquiryLimitName: String? {
        switch work {
        case .page, .question, .status: request.isHeadOnly ? nil : principal?.name
        case .generate, .revoke, .audit, .readiness: nil
        }
    }

    /// The change, as metrics name it; `nil` if it is none.
    public var change: ChangeKind? {
        switch work {
        case .generate: .generate
        case .revoke: .revoke
        case .page, .question, .status, .audit, .readiness: nil
        }
    }
}

/// What an answer depends on besides its contents.
public struct RequestContext: Sendable {
    let language: Language
    /// Whether problems are answered in JSON.
    let isForPrograms: Bool
    let isHeadOnly: Bool
    /// The ID under which the log names the request.
    public let id: String
    /// Where a browser can try again; `nil` for programs.
    let retry: String?

    var texts: Texts { language.texts }
}
