import KeyFormat
import Testing

@testable import Gateway

struct CacheIndexTests {
    private func locator(_ slot: Int) -> Locator {
        Locator(organization: Array("org-\(slot)".utf8))
    }

    @Test(arguments: [1, 2, 3, 127, 128, 129, 1_000_000, 10_000_000])
    func `the first and the last slots are found, whatever the capacity`(countMax: Int) {
        var index = CacheIndex(countMax: countMax)
        let slots = Set([0, 1, 2, countMax / 2, countMax - 2, countMax - 1])
            .filter { 0..<countMax ~= $0 }
        for slot in slots {
            #expect(index.slot(of: locator(slot), locator) == nil)
            index.insert(locator(slot), slot: slot)
        }
        for slot in slots { #expect(index.slot(of: locator(slot), locator) == slot) }
        for slot in slots {
            index.remove(locator(slot), locator)
            #expect(index.slot(of: locator(slot), locator) == nil)
        }
    }
}
