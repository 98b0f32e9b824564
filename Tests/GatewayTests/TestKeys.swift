import KeyFormat
import Keyring
import RedisClient
import TestSupport

/// Changes records in a store, as the executable does.
struct TestKeys {
    let mint: KeyMint
    let seal: RecordSeal

    init(pepper: String) throws {
        let peppers = try PepperRing(contents: pepper.secret)
        mint = KeyMint(prefix: .standard, pepper: peppers.current)
        seal = RecordSeal(peppers: peppers)
    }

    /// Generates a key; the previous one stays valid for a grace.
    func generate(
        _ name: String,
        in store: inout TestStore,
        at now: UnixTime,
        graceMilliseconds: UInt64 = 0,
        expiresIn span: UInt64? = nil
    ) -> [UInt8] {
        let organization = Organization(name)!
        let owner = Principal("alice")!
        let minted = mint.mint(for: organization.locator)
        let record = record(of: organization, in: store) ?? add(organization, owner, &store)
        let key = KeyRecord.Key(
            verifier: minted.verifier,
            createdAt: now,
            createdBy: owner,
            expiresAt: span.map { now.advanced(byMilliseconds: $0) }
        )
        let next = record.replacingKey(with: key, graceMilliseconds: graceMilliseconds)
        store.write(next, seal: seal)
        return minted.text.withSpan { span in span.indices.map { span[$0] } }
    }

    func revoke(_ name: String, in store: inout TestStore, at now: UnixTime) {
        guard let record = record(of: Organization(name)!, in: store) else { return }
        store.write(record.revokingKey(at: now), seal: seal)
    }

    private func add(_ organization: Organization, _ owner: Principal, _ store: inout TestStore)
        -> KeyRecord
    {
        let record = KeyRecord(organization: organization, owner: owner)
        store.write(record, seal: seal)
        return record
    }

    private func record(of organization: Organization, in store: TestStore) -> KeyRecord? {
        guard let hash = store.hashes["latchkey:record:{\(organization.locator)}"] else {
            return nil
        }
        let fields = RecordField.allCases.map { field in
            hash[field.name].map { RedisReply.bulk(Array($0.utf8)[...]) } ?? .null
        }
        return try? StoredRecord(.array(fields)).record(at: organization.locator, seal: seal)
    }
}
