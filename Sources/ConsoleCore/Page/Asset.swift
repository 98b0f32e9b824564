import KeyFormat

/// A file that pages load. Its name contains a digest of its contents, so it never changes.
enum Asset: CaseIterable {
    case styles
    case script
    case icon

    /// The file with a name; `nil` if there is none.
    init?(name: String) {
        guard let asset = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = asset
    }

    /// Such as `console-3f0c9a2b.css`.
    var name: String { Self.names[self] ?? "" }

    var type: String {
        switch self {
        case .styles: "text/css; charset=utf-8"
        case .script: "text/javascript; charset=utf-8"
        case .icon: "image/svg+xml"
        }
    }

    var contents: [UInt8] {
        switch self {
        case .styles: PackageResources.console_css
        case .script: PackageResources.console_js
        case .icon: PackageResources.key_svg
        }
    }

    private var ending: String {
        switch self {
        case .styles: "css"
        case .script: "js"
        case .icon: "svg"
        }
    }

    private static let names: [Asset: String] = Dictionary(
        uniqueKeysWithValues: allCases.map { asset in
            (asset, "console-\(ShortDigest.text(asset.contents)).\(asset.ending)")
        }
    )
}

/// The first digits of a digest: enough to tell a few things apart.
enum ShortDigest {
    /// Eight hexadecimal digits.
    static func text(_ bytes: [UInt8]) -> String {
        String(decoding: Digest(message: bytes.span).hexadecimal.prefix(8), as: UTF8.self)
    }
}
