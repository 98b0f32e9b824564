import KeyFormat
import Keyring
import RedisClient

/// Determines the organization and the validity of keys, as far as the pepper and the store can be read.
final class KeyClassifier {
    private let peppers: PepperRing?
    private let store: RecordStore?
    private let now: UnixTime
    private let note: (String) -> Void
    private var records: [Locator: StoredRecord] = [:]
    private var isStoreLost = false

    /// - Parameter note: Called with the reason if something cannot be determined.
    init(
        peppers: PepperRing?,
        channel: (any StoreChannel)?,
        clock: any BlockingClock,
        note: @escaping (String) -> Void
    ) {
        self.peppers = peppers
        self.note = note
        now = clock.unix
        store = peppers.flatMap { peppers in
            channel.map { RecordStore($0, clock: clock, seal: RecordSeal(peppers: peppers)) }
        }
    }

    /// A classifier with the pepper and the store of a configuration. What cannot be read is noted.
    convenience init(configurationFile: String, note: @escaping (String) -> Void) {
        let clock = SystemClock()
        do throws(AdministrationError) {
            let configuration = try Configuration(file: configurationFile)
            let peppers = try translating(try Secrets.peppers(configuration)) {
                (fault: SecretFault) in
                AdministrationError(.configuration, fault.message)
            }
            let channel = try StoreOpening.store(configuration)
            self.init(peppers: peppers, channel: channel, clock: clock, note: note)
        } catch {
            note("\(error.message); the organization and validity of keys are unknown")
            self.init(peppers: nil, channel: nil, clock: clock, note: note)
        }
    }

    /// Classifies a well-formed key.
    func verdict(on text: Span<UInt8>, prefix: KeyPrefix) -> ScanVerdict {
        guard let peppers else { return .unknown }
        switch KeyVerifier(prefix: prefix, peppers: peppers).verdict(on: text) {
        case .malformed, .forged: return .forged
        case .issued(let key): return verdict(on: key, peppers)
        }
    }

    private func verdict(on key: KeyVerifier.IssuedKey, _ peppers: PepperRing) -> ScanVerdict {
        guard let stored = stored(at: key.locator) else { return .unknown }
        guard !stored.isAbsent else { return .revoked(nil) }
        guard let record = try? stored.record(at: key.locator, seal: RecordSeal(peppers: peppers))
        else {
            note("the record of locator \(key.locator) cannot be trusted: see \"latchkey doctor\"")
            return .unknown
        }
        switch KeyValidity(of: key.verifier, in: record, at: now) {
        case .valid(let organization): return .active(organization)
        case .revoked: return .revoked(record.organization)
        case .expired: return .expired(record.organization)
        }
    }

    /// Reads each record once, and nothing after the store is lost.
    private func stored(at locator: Locator) -> StoredRecord? {
        if let record = records[locator] { return record }
        guard let store, !isStoreLost else { return nil }
        do throws(AdministrationError) {
            let reply = try store.read([KeyCommands.read(locator)], at: .record(locator))[0]
            let record = try translating(try StoredRecord(reply)) { (fault: RecordFault) in
                AdministrationError(fault, "the record of locator \(locator)")
            }
            records[locator] = record
            return record
        } catch {
            isStoreLost = true
            note("\(error.message); the validity of keys is unknown")
            return nil
        }
    }
}
