/// The keys whose tokens are believed: a JSON Web Key Set (RFC 7517).
public struct WebKeySet: Sendable {
    /// Why a set is not used.
    public struct Fault: Error, Equatable, Sendable {
        /// The predicate of a sentence whose subject is the file.
        public let message: String

        init(_ message: String) {
            self.message = message
        }

        /// The fault of a key that is no point of its curve, for example.
        public init(unusable key: WebKey) {
            message =
                "has a key that cannot be used, \"\(key.id ?? "")\": it is no valid key for "
                + key.algorithm.rawValue
        }

        /// A fault of one key.
        ///
        /// - Parameter index: From 0.
        init(key index: Int, _ reason: String) {
            message = "has a key that cannot be used, number \(index + 1): \(reason)"
        }
    }

    private var keysByID: [String?: WebKey] = [:]

    /// Keys of other kinds are skipped, as are keys for encryption.
    ///
    /// - Parameter text: The contents of the file.
    public init(_ text: [UInt8]) throws(Fault) {
        guard case .array(let entries)? = JSONValue(text)?.members?["keys"] else {
            throw Fault("is no JSON Web Key Set: {\"keys\": […]}")
        }
        for (index, entry) in entries.enumerated() {
            guard let members = entry.members else { throw Fault(key: index, "it is no object") }
            do throws(Fault) {
                guard let key = try WebKey(members) else { continue }
                guard keysByID.updateValue(key, forKey: key.id) == nil else {
                    throw Fault("another has the same \"kid\", or none")
                }
            } catch {
                throw Fault(key: index, error.message)
            }
        }
        guard !keysByID.isEmpty else { throw Fault("has no key for EdDSA, ES256, RS256 or HS256") }
    }

    /// All keys.
    public var keys: [WebKey] { Array(keysByID.values) }

    /// The key with an ID; with none, the key that has none.
    func key(_ id: String?) -> WebKey? { keysByID[id] }
}
