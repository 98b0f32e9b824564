import CLatchkeyABI
import Gateway

/// How a gatekeeper looks from C: an opaque pointer that owns it.
extension OpaquePointer {
    init(_ gatekeeper: Gatekeeper) {
        self.init(Unmanaged.passRetained(gatekeeper).toOpaque())
    }

    /// Lends the gatekeeper, which the pointer goes on to own, without counting the reference.
    @inline(__always)
    func withGatekeeper<Result>(_ body: (Gatekeeper) -> Result) -> Result {
        Unmanaged<Gatekeeper>.fromOpaque(UnsafeRawPointer(self))._withUnsafeGuaranteedRef(body)
    }

    /// Ends the pointer's ownership.
    func releaseGatekeeper() {
        Unmanaged<Gatekeeper>.fromOpaque(UnsafeRawPointer(self)).release()
    }
}
