import Foundation
import Testing

@testable import KeyFormat

/// The contents of `vectors.json`, computed by another implementation.
struct Vectors: Decodable {
    struct LocatorVector: Decodable {
        let organization: String
        let locator: String
    }

    struct KeyVector: Decodable, CustomTestStringConvertible {
        let about: String
        let prefix: String
        let pepper: String
        let organization: String
        let locator: String
        let secret: String
        let tag: String
        let checksum: String
        let key: String
        let verifier: String

        var testDescription: String { about }
    }

    struct InvalidKeyVector: Decodable, CustomTestStringConvertible {
        let why: String
        let prefix: String
        let pepper: String
        let key: String
        let verdict: String

        var testDescription: String { "\(verdict): \(why)" }
    }

    let locators: [LocatorVector]
    let keys: [KeyVector]
    let invalidKeys: [InvalidKeyVector]

    static func load() throws -> Vectors {
        let file = Bundle.module.url(forResource: "vectors", withExtension: "json")!
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Vectors.self, from: Data(contentsOf: file))
    }
}
