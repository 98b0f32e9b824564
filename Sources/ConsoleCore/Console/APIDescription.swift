/// The description of the JSON API (OpenAPI 3.1).
enum APIDescription {
    /// Stands in the file for the prefix of all paths.
    private static let basePlace = "{{base}}"

    static func text(_ settings: ConsoleSettings) -> String {
        String(decoding: PackageResources.openapi_json, as: UTF8.self)
            .split(separator: basePlace, omittingEmptySubsequences: false)
            .joined(separator: settings.base.isEmpty ? "/" : settings.base)
    }
}
