// latchkey.h declares and documents these functions.
// swift-format-ignore-file: AlwaysUseLowerCamelCase, AllPublicDeclarationsHaveDocumentation

import CLatchkeyABI
import Gateway
import KeyFormat

@_cdecl("latchkey_check_begin") @implementation
public func latchkey_check_begin(
    _ gateway: OpaquePointer,
    _ data: UnsafeMutableRawPointer?,
    _ credential: UnsafePointer<UInt8>?,
    _ credential_length: Int,
    _ now: latchkey_time,
    _ decision: UnsafeMutablePointer<latchkey_decision>
) -> UInt64 {
    let text = UnsafeBufferPointer(start: credential, count: credential_length)
    let data = UInt(bitPattern: data)
    return gateway.withGatekeeper { gatekeeper in
        switch gatekeeper.check(text.span, request: data, at: ClockReading(now)) {
        case .decided(let answer):
            decision.pointee.set(answer)
            return 0
        case .waiting(let ticket):
            return ticket
        }
    }
}

@_cdecl("latchkey_check_cancel") @implementation
public func latchkey_check_cancel(_ gateway: OpaquePointer, _ ticket: UInt64) {
    gateway.withGatekeeper { $0.cancel(ticket: ticket) }
}

@_cdecl("latchkey_check_next") @implementation
public func latchkey_check_next(
    _ gateway: OpaquePointer,
    _ data: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
    _ decision: UnsafeMutablePointer<latchkey_decision>
) -> Bool {
    guard let next = gateway.withGatekeeper({ $0.nextDecision() }) else { return false }
    data.pointee = UnsafeMutableRawPointer(bitPattern: next.request)
    decision.pointee.set(next.decision)
    return true
}

@_cdecl("latchkey_checks_waiting") @implementation
public func latchkey_checks_waiting(_ gateway: OpaquePointer) -> Int {
    gateway.withGatekeeper { $0.waitingCount }
}

extension latchkey_decision {
    @inline(__always)
    fileprivate mutating func set(_ decision: Decision) {
        result = latchkey_result(decision.result)
        source = latchkey_source(decision.source)
        organization_length = 0
        locator_length = 0
        if let organization = decision.organization {
            organization_length = UInt8(organization.length)
            withUnsafeMutableBytes(of: &self.organization) { buffer in
                withUnsafeBytes(of: organization.storage) { buffer.copyMemory(from: $0) }
            }
        }
        if let streamKey = decision.streamKey {
            key = streamKey.keyID
            key_until_ms = streamKey.until?.milliseconds ?? .max
        }
        if let locator = decision.locator {
            locator_length = UInt8(Locator.length)
            withUnsafeMutableBytes(of: &self.locator) { buffer in
                locator.withDigits { buffer.copyMemory(from: $0) }
            }
        }
    }
}

extension latchkey_source {
    fileprivate init(_ source: Decision.Source) {
        switch source {
        case .none: self = LATCHKEY_SOURCE_NONE
        case .cache: self = LATCHKEY_SOURCE_CACHE
        case .store: self = LATCHKEY_SOURCE_STORE
        case .grace: self = LATCHKEY_SOURCE_GRACE
        }
    }
}

extension latchkey_result {
    fileprivate init(_ result: Decision.Result) {
        switch result {
        case .allowed: self = LATCHKEY_ALLOWED
        case .malformed: self = LATCHKEY_MALFORMED
        case .forged: self = LATCHKEY_FORGED
        case .revoked: self = LATCHKEY_REVOKED
        case .expired: self = LATCHKEY_EXPIRED
        case .unavailable: self = LATCHKEY_UNAVAILABLE
        }
    }
}
