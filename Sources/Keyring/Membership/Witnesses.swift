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

/// A version of the configuration that some sentinels have agreed on. Others count versions of their own.
public struct SentinelVersion: Hashable, Sendable, CustomStringConvertible {
    /// ``SentinelReport/configEpoch``, as a majority of them reports it.
    public let configEpoch: UInt64

    /// ``SentinelURL/digest`` of them.
    private let witnesses: String

    /// A version.
    ///
    /// - Parameter witnesses: ``SentinelURL/digest``.
    public init(configEpoch: UInt64, witnesses: String) {
        (self.configEpoch, self.witnesses) = (configEpoch, witnesses)
    }

    /// As it stands in the name of a term.
    public var description: String { "\(configEpoch).\(witnesses)" }
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
