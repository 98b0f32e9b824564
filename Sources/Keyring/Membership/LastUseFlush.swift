import KeyFormat

/// Asks all workers to flush the last uses of an organization's keys to the store. A worker
/// acknowledges once it has written them, so the store is then no older than this message.
public struct LastUseFlush: BroadcastMessage {
    private static let separator = UInt8(ascii: ":")

    /// The locator of the organization.
    public let locator: Locator
    private let barrierID: BarrierID

    /// - Parameter barrierID: Unique to this message.
    public init(about locator: Locator, barrierID: BarrierID) {
        self.locator = locator
        self.barrierID = barrierID
    }

    /// Parses a message of the channel; `nil` if it is not a flush.
    public init?(_ text: ArraySlice<UInt8>) {
        let idEnd = text.startIndex + BarrierID.length
        guard text.count == BarrierID.length + 1 + Locator.length,
            text[idEnd] == Self.separator, let barrierID = BarrierID(text[..<idEnd]),
            let locator = Locator(ascii: text.span, at: BarrierID.length + 1)
        else { return nil }
        self.init(about: locator, barrierID: barrierID)
    }

    /// The barrier ID and the locator, separated by a colon.
    public var description: String { "\(barrierID):\(locator)" }
}
