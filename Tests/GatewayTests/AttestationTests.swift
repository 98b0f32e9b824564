import RedisClient
import Testing

@testable import Gateway

struct AttestationTests {
    private let a = Endpoint.tcp(host: "10.0.0.1", port: 6379)
    private let b = Endpoint.tcp(host: "10.0.0.2", port: 6379)

    private func at(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime.origin.advanced(byMilliseconds: milliseconds)
    }

    /// What sentinels have said; each answer comes 50 ms after its question.
    private func attestation(
        of count: Int = 3,
        majority: Int = 2,
        _ answers: (sentinel: Int, primary: Endpoint?, askedAt: UInt64)...
    ) -> Attestation<Endpoint> {
        var attestation = Attestation<Endpoint>(sentinelCount: count, majority: majority)
        for answer in answers {
            attestation.answered(
                answer.sentinel,
                answer.primary,
                askedAt: at(answer.askedAt),
                at: at(answer.askedAt + 50)
            )
        }
        return attestation
    }

    @Test func `nobody is the primary before a majority has spoken`() {
        #expect(attestation().primary == nil)
        #expect(attestation().attestedAt(a) == nil)
        let one = attestation((0, a, 10))
        #expect(one.primary == nil)
        #expect(one.attestedAt(a) == nil)
    }

    @Test func `a majority attests up to the moment at which its first member was asked`() {
        let attestation = attestation((0, a, 10), (1, a, 30))
        #expect(attestation.primary == a)
        #expect(attestation.attestedAt(a) == at(10))
        #expect(attestation.attestedAt(b) == nil)
    }

    @Test func `of more than a majority the newest are counted`() {
        #expect(attestation((0, a, 10), (1, a, 30), (2, a, 20)).attestedAt(a) == at(20))
        let five = attestation(
            of: 5,
            majority: 3,
            (0, a, 50),
            (1, a, 10),
            (2, a, 40),
            (3, a, 20),
            (4, a, 30)
        )
        #expect(five.attestedAt(a) == at(30))
    }

    @Test func `one sentinel that asks again and again is no majority`() {
        let attestation = attestation((0, a, 10), (0, a, 20), (0, a, 30))
        #expect(attestation.primary == nil)
        #expect(attestation.attestedAt(a) == nil)
        #expect(attestation.count(naming: a) == 1)
    }

    @Test func `half of the sentinels is no majority`() {
        let split = attestation(of: 4, majority: 3, (0, a, 10), (1, a, 10), (2, b, 10), (3, b, 10))
        #expect(split.primary == nil)
        #expect(split.attestedAt(a) == nil)
        #expect(split.attestedAt(b) == nil)
    }

    @Test func `a sentinel that is gone counts as configured and attests nothing newer`() {
        let attestation = attestation((0, a, 10), (1, a, 10), (0, a, 500), (0, a, 900))
        #expect(attestation.attestedAt(a) == at(10))
    }

    @Test func `of a sentinel the newest answer counts`() {
        let changed = attestation((0, a, 10), (1, a, 10), (2, a, 10), (0, b, 20), (1, b, 30))
        #expect(changed.primary == b)
        #expect(changed.attestedAt(b) == at(20))
        #expect(changed.attestedAt(a) == nil)
    }

    @Test func `an answer that names nobody replaces the one before`() {
        let attestation = attestation((0, a, 10), (1, a, 10), (1, nil, 20))
        #expect(attestation.primary == nil)
        #expect(attestation.attestedAt(a) == nil)
    }

    @Test func `a single sentinel is its own majority`() {
        #expect(attestation(of: 1, majority: 1, (0, a, 10)).attestedAt(a) == at(10))
    }

    @Test func `servers at two ports of an address are two servers`() {
        let other = Endpoint.tcp(host: "10.0.0.1", port: 6380)
        #expect(attestation((0, a, 10), (1, other, 10)).primary == nil)
    }
}
