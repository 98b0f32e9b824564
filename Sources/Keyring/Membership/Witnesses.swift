import KeyFormat
import RedisClient

extension Configuration {
    /// ``SentinelURL/digest`` of the sentinels; `nil` where there are none.
    public var witnesses: String? {
        switch topology {
        case .standalone, .cluster: nil
        case .sentinel(let url): url.digest
        }
    }
}

extension SentinelURL {
    /// Stands for the sentinels, in any order, and the name of the primary: 16 hexadecimal digits. Two programs
    /// whose digests differ may take two servers for the primary.
    public var digest: String {
        let text = ([name] + sentinels.map(\.description).sorted()).joined(separator: " ")
        let digest = Digest(message: Array(text.utf8).span)
        return String(decoding: digest.hexadecimal.prefix(16), as: UTF8.self)
    }
}
