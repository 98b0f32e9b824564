import Testing

@testable import KeyFormat

struct KeyPrefixTests {
    @Test(arguments: [
        "lk", "a1", "acme", "lk_live", "lk_test", "a1_test", "acme_live", "live", "test",
        "livelive",
        "abcdefghijkl", "abcdefghijkl_live", "a23456789012_test", "zz",
    ])
    func `a prefix is a word, optionally with an environment`(text: String) throws {
        let prefix = try #require(KeyPrefix(text.utf8))
        #expect(prefix.ascii == Array(text.utf8))
    }

    @Test(arguments: [
        "", "l", "_", "__", "_live", "_test", "l_live", "1a", "1_live", "Lk", "lK", "LK", "lk_",
        "lk_LIVE", "lk_liv", "lk_prod", "lk_live_", "lk_live_test", "lk_live_live", "lk__live",
        "abcdefghijklm", "abcdefghijklm_live", "lk-live", "l k", "lk ", " lk", "lk\n", "l\0", "lé",
        "lk_live ", "_lk",
    ])
    func `anything else is not a prefix`(text: String) {
        #expect(KeyPrefix(text.utf8) == nil)
    }

    @Test func `the default prefix is lk`() {
        #expect(KeyPrefix.standard == KeyPrefix("lk".utf8))
    }
}
