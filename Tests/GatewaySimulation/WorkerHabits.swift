/// The speed of a worker's machine, and the habits of its clients.
final class WorkerHabits {
    private var delayMax: Nanoseconds
    private let isQuiet: Bool

    init(_ scenario: Scenario) {
        delayMax = scenario.workerDelayMax
        isQuiet = scenario.isQuiet
    }

    /// Ends long delays.
    func speedUp() { delayMax = min(delayMax, .microseconds(200)) }

    /// The delay between an event and the turn that handles it.
    func delay(_ chance: inout Chance) -> Nanoseconds { chance.number(1000...delayMax) }

    /// Whether other requests take time between two events of a turn.
    func pauses(_ chance: inout Chance) -> Bool { chance.percent(20) }

    func staysOpen(_ chance: inout Chance) -> Bool { chance.percent(20) && !isQuiet }
}
