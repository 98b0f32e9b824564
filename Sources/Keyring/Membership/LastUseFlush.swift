import KeyFormat

/// Asks all workers to write down what they know of the uses of an organization's keys. Who has
/// confirmed it has done so, and the store then tells of no fewer uses than there were when it was
/// asked.
public struct LastUseFlush: BroadcastMessage {
    private static let separator = UInt8(ascii: ":")

    /// The organization's.
    public let locator: Locator
    private let barrierID: BarrierID

    /// - Parameter barrierID: What no other word has.
    public init(about locator: Locator, barrierID: BarrierID) {
        self.locator = locator
        self.barrierID = barrierID
    }

    /// A question as it came over the channel. `nil` for anything else.
    public init?(_ text: ArraySlice<UInt8>) {
        let nonceEnd = text.startIndex + BarrierID.length
        guard text.count == BarrierID.length + 1 + Locator.length,
            text[nonceEnd] == Self.separator, let barrierID = BarrierID(text[..<nonceEnd]),
            let locator = Locator(ascii: text.span, at: BarrierID.length + 1)
        else { return nil }
        self.init(about: locator, barrierID: barrierID)
    }

    /// The barrierID and the locator, with a colon between them.
    public var description: String { "\(barrierID):\(locator)" }
}
