import KeyFormat
import Keyring
import RedisClient

/// Says of keys whose they are and whether they count, as far as pepper and store can be read.
final class KeyClassifier {
    private let peppers: PepperRing?
    private let store: RecordStore?
    private let now: UnixTime
    private let note: (String) -> Void
    private var records: [Locator: StoredRecord] = [:]
    private var isStoreLost = false

    /// - Parameter note: Is told, once, why something cannot be said.
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

    /// Judges by what a configuration names. What cannot be read is told, and left out.
    convenience init(configurationFile: String, note: @escaping (String) -> Void) {
        let clock = SystemClock()
        do throws(AdministrationError) {
            let configuration = try Configuration(file: configurationFile)
            let peppers: PepperRing
            do throws(SecretFault) {
                peppers = try Secrets.peppers(
                    try Secrets.pepperContents(configuration),
                    configuration
                )
            } catch {
                throw AdministrationError(.configuration, error.message)
            }
            let channel = try StoreConnection(admin: configuration)
            self.init(peppers: peppers, channel: channel, clock: clock, note: note)
        } catch {
            note("\(error.message); the organization and validity of keys are unknown")
            self.init(peppers: nil, channel: nil, clock: clock, note: note)
        }
    }

    /// Judges a key that has the form of one.
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

    /// Asks the store once for each record, and not any more once it is lost.
    private func stored(at locator: Locator) -> StoredRecord? {
        if let record = records[locator] { return record }
        guard let store, !isStoreLost else { return nil }
        do throws(AdministrationError) {
            let reply = try store.read([KeyCommands.read(locator)])[0]
            do throws(RecordFault) {
                let record = try StoredRecord(reply)
                records[locator] = record
                return record
            } catch {
                throw AdministrationError(error, "the record of locator \(locator)")
            }
        } catch {
            isStoreLost = true
            note("\(error.message); the validity of keys is unknown")
            return nil
        }
    }
}
