// latchkey.h declares and documents these functions.
// swift-format-ignore-file: AlwaysUseLowerCamelCase, AllPublicDeclarationsHaveDocumentation

import CLatchkeyABI
import Gateway
import KeyFormat
import Keyring

@_cdecl("latchkey_stream_open") @implementation
public func latchkey_stream_open(
    _ gateway: OpaquePointer,
    _ data: UnsafeMutableRawPointer?,
    _ decision: UnsafePointer<latchkey_decision>
) -> UInt64 {
    guard let locator = decision.pointee.locatorValue else { return .max }
    let until = decision.pointee.key_until_ms
    let key = Decision.StreamKey(
        keyID: decision.pointee.key,
        until: until == .max ? nil : UnixTime(milliseconds: until)
    )
    return gateway.withGatekeeper { $0.openStream(UInt(bitPattern: data), locator, key) }
}

@_cdecl("latchkey_stream_close") @implementation
public func latchkey_stream_close(_ gateway: OpaquePointer, _ stream: UInt64) {
    gateway.withGatekeeper { $0.closeStream(stream) }
}

@_cdecl("latchkey_stream_next") @implementation
public func latchkey_stream_next(
    _ gateway: OpaquePointer,
    _ data: UnsafeMutablePointer<UnsafeMutableRawPointer?>
) -> Bool {
    guard let ended = gateway.withGatekeeper({ $0.nextEndedStream() }) else { return false }
    data.pointee = UnsafeMutableRawPointer(bitPattern: ended)
    return true
}

extension latchkey_decision {
    /// The locator of the decision, if it has one.
    fileprivate var locatorValue: Locator? {
        guard locator_length == UInt8(Locator.length) else { return nil }
        return withUnsafeBytes(of: locator) { Locator(digits: Span(_unsafeBytes: $0), at: 0) }
    }
}
