import Administration

/// The description of the JSON API (OpenAPI 3.1), with what this console offers in it.
enum APIDescription {
    static func text(_ settings: ConsoleSettings) -> String {
        [
            ("{{base}}", settings.base.isEmpty ? "/" : settings.base),
            ("\"{{security}}\"", security(settings)),
            ("\"{{expires_in}}\"", values(settings.expiries)),
            ("\"{{grace}}\"", values(settings.graces)),
        ]
        .reduce(String(decoding: PackageResources.openapi_json, as: UTF8.self)) { text, place in
            text.split(separator: place.0, omittingEmptySubsequences: false)
                .joined(separator: place.1)
        }
    }

    /// What says who asks; a header is set by the proxy, not by clients.
    private static func security(_ settings: ConsoleSettings) -> String {
        switch settings.identity {
        case .header: "[{}]"
        case .token: "[{\"token\":[]}]"
        }
    }

    /// What a member may be. Where none is a choice, so is `null`.
    private static func values(_ choices: [SpanChoice]) -> String {
        let texts = (choices.isEmpty ? [.none] : choices).map { JSONText.string($0.text) }
        let isOptional = choices.isEmpty || choices.contains(.none)
        return JSONText.array(texts + (isOptional ? ["null"] : []))
    }
}
