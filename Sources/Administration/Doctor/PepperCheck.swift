import Glibc
import KeyFormat
import Keyring
import RedisClient

/// Which of several peppers are still needed.
///
/// A seal shows which pepper made it. A verifier does not; but keys are made with the first pepper, so a
/// key that is younger than the last change of the file needs no other.
struct PepperCheck {
    /// Most organizations that one line names.
    private static let namesMax = 5

    private let configuration: Configuration
    private let channel: any StoreChannel

    init(_ configuration: Configuration, _ channel: any StoreChannel) {
        self.configuration = configuration
        self.channel = channel
    }

    var findings: [Finding] {
        guard let peppers = try? Secrets.peppers(configuration), peppers.peppers.count > 1,
            let changedAt
        else { return [] }
        var need = PepperNeed(peppers.peppers.count, changedAt: changedAt)
        let seal = RecordSeal(peppers: peppers)
        let clock = SystemClock()
        let store = RecordStore(channel, clock: clock, seal: seal)
        let faults: [String]
        do throws(AdministrationError) {
            faults = try RecordListing(store).visitProven(seal) { record, stored in
                guard let pepper = seal.pepperIndex(of: stored) else { return }
                need.count(record, sealedWith: pepper, now: clock.unix)
            }
        } catch {
            // ``RecordCheck`` reports that the records cannot be listed.
            return []
        }
        return (1..<peppers.peppers.count).map { finding($0, need, isWhole: faults.isEmpty) }
    }

    /// - Parameter isWhole: Whether all records could be read.
    private func finding(_ pepper: Int, _ need: PepperNeed, isWhole: Bool) -> Finding {
        let check = "pepper.\(pepper + 1)"
        let which = "pepper \(pepper + 1) of \(configuration.pepperFile)"
        let (sealed, keyed) = (need.sealed[pepper], need.keyed[pepper])
        guard !sealed.isEmpty || !keyed.isEmpty else {
            guard isWhole else {
                return .note(
                    check,
                    "\(which) is needed by no record that can be proven",
                    "do not remove it before all records can be"
                )
            }
            return .note(
                check,
                "\(which) is no longer needed",
                "remove its line, and reload every gateway"
            )
        }
        let seals = sealed.isEmpty ? "" : " for the seals of \(list(sealed))"
        let keys = keyed.isEmpty ? "" : ", possibly for the keys of \(list(keyed))"
        return .note(
            check,
            "\(which) is still needed\(seals)\(keys)",
            sealed.isEmpty
                ? "remove it once these organizations have new keys: latchkey generate"
                : "reload every gateway, run latchkey org seal, then latchkey doctor again"
        )
    }

    private func list(_ names: [String]) -> String { names.sorted().listed(max: Self.namesMax) }

    private var changedAt: UnixTime? {
        var status = stat()
        guard stat(configuration.pepperFile, &status) == 0 else { return nil }
        // A copy may preserve mtime, but not ctime.
        let times = [status.st_mtim, status.st_ctim].map {
            Int64($0.tv_sec) * 1000 + Int64($0.tv_nsec) / 1_000_000
        }
        return UnixTime(milliseconds: times.max() ?? 0)
    }
}

/// The organizations that need each of several peppers.
struct PepperNeed {
    /// Organizations whose records are sealed with each pepper, by its position from 0.
    private(set) var sealed: [[String]]
    /// Organizations with a key that may have been made with each pepper.
    private(set) var keyed: [[String]]

    private let changedAt: UnixTime

    /// - Parameter changedAt: From when on, at the latest, keys are made with the first pepper.
    init(_ count: Int, changedAt: UnixTime) {
        sealed = Array(repeating: [], count: count)
        keyed = sealed
        self.changedAt = changedAt
    }

    mutating func count(_ record: KeyRecord, sealedWith pepper: Int, now: UnixTime) {
        let name = record.organization.name
        sealed[pepper].append(name)
        let isLive = record.key.map { $0.expiresAt.map { now < $0 } ?? true } ?? false
        let isOld = record.key.map { $0.createdAt <= changedAt } ?? false
        let hasPrevious = record.previous.map { now < $0.until } ?? false
        guard isLive && isOld || hasPrevious else { return }
        // A seal is never older than the key that it covers, so only its pepper and older ones count.
        for index in max(pepper, 1)..<max(keyed.count, 1) { keyed[index].append(name) }
    }
}
