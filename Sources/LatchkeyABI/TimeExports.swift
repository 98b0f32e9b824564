// latchkey.h declares and documents these functions.
// swift-format-ignore-file: AlwaysUseLowerCamelCase, AllPublicDeclarationsHaveDocumentation

import CLatchkeyABI
import Gateway
import Keyring
import RedisClient

@_cdecl("latchkey_tick") @implementation
public func latchkey_tick(_ gateway: OpaquePointer, _ now: latchkey_time) -> UInt64 {
    gateway.withGatekeeper { $0.tick(ClockReading(now)).nanoseconds }
}

@_cdecl("latchkey_finish") @implementation
public func latchkey_finish(_ gateway: OpaquePointer, _ now: latchkey_time) {
    gateway.withGatekeeper { $0.finish(ClockReading(now)) }
}

@_cdecl("latchkey_unconfirmed") @implementation
public func latchkey_unconfirmed(_ gateway: OpaquePointer) -> Int {
    gateway.withGatekeeper { $0.unconfirmedCount }
}

@_cdecl("latchkey_log_next") @implementation
public func latchkey_log_next(
    _ gateway: OpaquePointer,
    _ capacity: Int,
    _ level: UnsafeMutablePointer<latchkey_log_level>,
    _ line: UnsafeMutablePointer<CChar>
) -> Int {
    guard let next = gateway.withGatekeeper({ $0.nextLogLine() }) else { return 0 }
    level.pointee = latchkey_log_level(next.level)
    return CText.write(next.text, to: UnsafeMutableRawBufferPointer(start: line, count: capacity))
}

extension latchkey_log_level {
    fileprivate init(_ level: EventLog.Level) {
        switch level {
        case .error: self = LATCHKEY_LOG_ERROR
        case .warning: self = LATCHKEY_LOG_WARN
        case .notice: self = LATCHKEY_LOG_NOTICE
        }
    }
}

extension ClockReading {
    init(_ time: latchkey_time) {
        self.init(
            monotonic: MonotonicTime(nanoseconds: time.boottime_ns),
            unix: UnixTime(milliseconds: time.unix_ms)
        )
    }
}
