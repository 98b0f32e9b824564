import Administration
import Keyring
import RedisClient

/// The directives of the console alone, validated.
public struct ConsoleSettings: Sendable {
    /// A link: its text and address.
    public struct Link: Equatable, Sendable {
        let text: String
        let address: String
    }

    /// `latchkey_console_listen`
    public private(set) var listener = ConsoleAddress.standard
    /// `latchkey_console_origin`: what the address bar says before the path.
    public private(set) var origins: [String] = []
    /// `latchkey_console_identity`
    public private(set) var identity: IdentityRule
    /// `latchkey_console_issuer`: who must have signed a token; `nil` if that does not matter.
    private(set) var issuer: String?
    /// `latchkey_console_fresh`: how long ago the sign-in before a change may be, in milliseconds.
    private(set) var freshness: UInt64?
    /// `latchkey_console_base`: what every path begins with; empty for none.
    public private(set) var base = "/console"
    /// `latchkey_console_expiry`: the lifetimes that an owner may choose from; empty for no choice.
    private(set) var expiries: [SpanChoice] = []
    /// `latchkey_console_grace`: the same for the previous key.
    private(set) var graces: [SpanChoice] = []
    /// `latchkey_console_languages`: the first is the fallback.
    private(set) var languages = Language.allCases
    /// `latchkey_console_product`: the name of the product, and where it is.
    private(set) var product: Link?
    /// `latchkey_console_documentation`
    private(set) var documentation: String?
    /// `latchkey_console_api`: the address of the API that the key is for.
    private(set) var api: String?
    /// `latchkey_console_stylesheet`
    private(set) var stylesheet: String?
    /// `latchkey_console_frame_ancestors`
    private(set) var frameAncestors: [String] = []
    /// `latchkey_console_audit_address`: whether the audit keeps the addresses of clients.
    private(set) var keepsAddresses = true
    /// `latchkey_console_changes`: changes of one organization in an hour.
    public private(set) var changesPerHour = 10

    /// Validates directives. All but the console's are skipped.
    ///
    /// - Throws: The first fault, in the order of the directives.
    public init(_ directives: [Directive]) throws(ConfigurationFault) {
        var seen: Set<String> = []
        var identity: IdentityRule?
        let own = directives.filter(\.isForConsole)
        if let first = own.first(where: { $0.name == "latchkey_console_identity" }) {
            identity = try first.identity()
        }
        guard let identity else {
            throw ConfigurationFault(
                "has no latchkey_console_identity: users could not be identified"
            )
        }
        self.identity = identity
        for directive in own {
            guard seen.insert(directive.name).inserted else {
                throw directive.fault("is duplicate")
            }
            try read(directive)
            try checkIdentity(directive)
        }
        guard !origins.isEmpty else {
            throw ConfigurationFault(
                "has no latchkey_console_origin: cross-site requests could not be detected"
            )
        }
    }

    /// Some directives mean nothing, or something dangerous, where a header says who asks.
    private func checkIdentity(_ directive: Directive) throws(ConfigurationFault) {
        guard case .header = identity else { return }
        switch directive.name {
        case "latchkey_console_issuer", "latchkey_console_fresh":
            throw directive.fault("requires \"latchkey_console_identity token FILE\"")
        case "latchkey_console_listen":
            guard case .unix = listener else {
                throw directive.fault(
                    "requires unix:/PATH: a header that says who asks is believed only where nobody "
                        + "but the proxy can write it"
                )
            }
        default: break
        }
    }

    private mutating func read(_ directive: Directive) throws(ConfigurationFault) {
        switch directive.name {
        case "latchkey_console_listen": listener = try directive.listener()
        case "latchkey_console_origin": origins = try directive.origins()
        case "latchkey_console_identity": break
        case "latchkey_console_issuer": issuer = try directive.value()
        case "latchkey_console_fresh": freshness = try directive.span()
        case "latchkey_console_base": base = try directive.base()
        case "latchkey_console_expiry": expiries = try directive.spans()
        case "latchkey_console_grace": graces = try directive.spans()
        case "latchkey_console_languages": languages = try directive.languages()
        case "latchkey_console_product": product = try directive.link()
        case "latchkey_console_documentation": documentation = try directive.address()
        case "latchkey_console_api": api = try directive.address()
        case "latchkey_console_stylesheet": stylesheet = try directive.ownPath()
        case "latchkey_console_frame_ancestors": frameAncestors = try directive.origins()
        case "latchkey_console_audit_address": keepsAddresses = try directive.flag()
        case "latchkey_console_changes": changesPerHour = try directive.perHour()
        default: throw directive.fault("is unknown")
        }
    }

    /// A lifetime as the API names it; `nil` if it is not offered.
    func expiry(_ text: String?) -> SpanChoice? { Self.choice(text, expiries) }

    /// A grace period as the API names it; `nil` if it is not offered.
    func grace(_ text: String?) -> SpanChoice? { Self.choice(text, graces) }

    /// No text is the first choice on a page, and none for programs: pages always send one.
    private static func choice(_ text: String?, _ choices: [SpanChoice]) -> SpanChoice? {
        guard let text, text != SpanChoice.none.text else {
            return choices.isEmpty || choices.contains(.none) ? SpanChoice.none : nil
        }
        return choices.first { $0.text == text }
    }
}

/// A span of time that an owner may choose.
struct SpanChoice: Equatable, Sendable {
    /// As in the configuration: `90d`, or `none`.
    let text: String

    /// Milliseconds; `nil` for none.
    let milliseconds: UInt64?

    static let none = SpanChoice(text: "none", milliseconds: nil)
}

extension Directive {
    fileprivate func listener() throws(ConfigurationFault) -> Endpoint {
        guard let listener = ConsoleAddress.endpoint(try value()) else {
            throw fault(
                "requires unix:/PATH, or a port of a loopback address, such as 127.0.0.1:8090"
            )
        }
        return listener
    }

    fileprivate func identity() throws(ConfigurationFault) -> IdentityRule {
        switch (values.count, values.first) {
        case (2, "header"):
            if let identity = HeaderIdentity(values[1]) { return .header(identity) }
        case (2, "token"):
            if values[1].hasPrefix("/") { return .token(file: values[1]) }
        default: break
        }
        throw fault(
            "requires \"header NAME\", with a name of letters, digits and \"-\" that no browser "
                + "sends, such as X-Latchkey-User, or \"token FILE\", with the full path of a JSON "
                + "Web Key Set"
        )
    }

    fileprivate func span() throws(ConfigurationFault) -> UInt64 {
        guard let span = TimeSpan.milliseconds(try value()), span >= 60_000 else {
            throw fault("requires a time of a minute or more, such as 15m")
        }
        return span
    }

    fileprivate func origins() throws(ConfigurationFault) -> [String] {
        guard !values.isEmpty else {
            throw fault("requires an origin, such as https://example.com")
        }
        for value in values where !Address.isOrigin(value) {
            throw fault("requires origins, such as https://example.com, not \"\(value)\"")
        }
        return values
    }

    fileprivate func base() throws(ConfigurationFault) -> String {
        let text = try value()
        guard text == "/" || Address.isPlainPath(text) else {
            throw fault("requires a path such as /console, without a \"/\" at its end")
        }
        return text == "/" ? "" : text
    }

    fileprivate func spans() throws(ConfigurationFault) -> [SpanChoice] {
        guard !values.isEmpty else { throw fault("requires times, such as none 90d") }
        var choices: [SpanChoice] = []
        for value in values {
            let span = TimeSpan.milliseconds(value)
            guard value == SpanChoice.none.text || (span ?? 0) >= 60_000 else {
                throw fault(
                    "requires none, or times of a minute or more, such as 90d, not \"\(value)\""
                )
            }
            guard !choices.contains(where: { $0.text == value }) else {
                throw fault("names \"\(value)\" twice")
            }
            choices.append(SpanChoice(text: value, milliseconds: span))
        }
        return choices
    }

    fileprivate func languages() throws(ConfigurationFault) -> [Language] {
        var languages: [Language] = []
        for value in values {
            guard let language = Language(rawValue: value), !languages.contains(language) else {
                let known = Language.allCases.map(\.rawValue).joined(separator: ", ")
                throw fault("requires languages out of \(known), each once, not \"\(value)\"")
            }
            languages.append(language)
        }
        guard !languages.isEmpty else { throw fault("requires languages, such as en de") }
        return languages
    }

    fileprivate func link() throws(ConfigurationFault) -> ConsoleSettings.Link {
        guard values.count == 2, !values[0].isEmpty, Address.isLink(values[1]) else {
            throw fault("requires a name and its address, such as \"Example\" https://example.com/")
        }
        return ConsoleSettings.Link(text: values[0], address: values[1])
    }

    fileprivate func address() throws(ConfigurationFault) -> String {
        let text = try value()
        guard Address.isLink(text) else {
            throw fault("requires an address that begins with https://, http:// or /")
        }
        return text
    }

    fileprivate func ownPath() throws(ConfigurationFault) -> String {
        let text = try value()
        guard Address.isOwn(text) else {
            throw fault("requires the path of a style sheet on the same origin, such as /theme.css")
        }
        return text
    }

    fileprivate func flag() throws(ConfigurationFault) -> Bool {
        switch try value() {
        case "on": return true
        case "off": return false
        default: throw fault("requires on or off")
        }
    }

    fileprivate func perHour() throws(ConfigurationFault) -> Int {
        let text = try value()
        guard text.hasSuffix("/h"), let number = Int(text.dropLast(2)),
            (1...10_000).contains(number)
        else { throw fault("requires a number in an hour, such as 10/h") }
        return number
    }
}

/// The forms of addresses that the configuration may name.
private enum Address {
    /// Characters without a meaning of their own in HTML, header fields or policies.
    private static func isPlain(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && !"\"'<>;,\\".utf8.contains(byte)
        }
    }

    static func isLink(_ text: String) -> Bool {
        isPlain(text)
            && (isOwn(text)
                || ["https://", "http://"].contains { text.hasPrefix($0) && text != $0 })
    }

    static func isOwn(_ text: String) -> Bool {
        isPlain(text) && text.hasPrefix("/") && !text.hasPrefix("//")
    }

    static func isPlainPath(_ text: String) -> Bool {
        isOwn(text) && text.count > 1 && !text.hasSuffix("/") && !text.contains("//")
            && text.utf8.allSatisfy { !"?#%{}".utf8.contains($0) }
    }

    static func isOrigin(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else {
            return false
        }
        let host = text.dropFirst(scheme.count)
        return !host.isEmpty
            && host.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                    || ".-:[]".utf8.contains(byte)
            }
    }
}
