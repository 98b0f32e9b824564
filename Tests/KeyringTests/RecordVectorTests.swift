import Foundation
import KeyFormat
import Testing

@testable import Keyring

/// Compares records with an independent implementation.
struct RecordVectorTests {
    struct Vector: Decodable, CustomTestStringConvertible {
        let about: String
        let pepper: String
        let locator: String
        let fields: [String: String]

        var testDescription: String { about }
    }

    private struct Vectors: Decodable {
        let records: [Vector]
    }

    /// The vectors are stored beside those of the key format, which use the same peppers.
    private static func vectors() throws -> [Vector] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../KeyFormatTests/vectors.json")
        return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file)).records
    }

    @Test(arguments: try vectors())
    func `a record of the vectors is accepted and written identically`(_ vector: Vector) throws {
        let example = try Example(pepper: vector.pepper)
        var stored = StoredFields(texts: [:])
        for field in RecordField.allCases { stored[field] = vector.fields[field.name] }
        #expect(stored.texts.count == vector.fields.count)
        let locator = Locator(ascii: Array(vector.locator.utf8).span)
        let record = try stored.record(at: #require(locator), example.seal).get()
        #expect(example.stored(record).texts == stored.texts)
    }

    @Test func `the vectors cover every state and every field`() throws {
        let vectors = try Self.vectors()
        let states = Set(vectors.compactMap { $0.fields["state"] })
        let fields = Set(vectors.flatMap(\.fields.keys))
        #expect(states == ["none", "active", "revoked"])
        #expect(fields == Set(RecordField.allCases.map(\.name)))
    }
}
