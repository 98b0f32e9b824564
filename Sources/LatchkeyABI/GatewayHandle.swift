import CLatchkeyABI
import Gateway

/// A gatekeeper as C sees it: an opaque pointer that owns it.
extension OpaquePointer {
    init(_ gatekeeper: Gatekeeper) {
        self.init(Unmanaged.passRetained(gatekeeper).toOpaque())
    }

    /// Borrows the gatekeeper from the pointer, without counting the reference.
    @inline(__always)
    func withGatekeeper<Result>(_ body: (Gatekeeper) -> Result) -> Result {
        Unmanaged<Gatekeeper>.fromOpaque(UnsafeRawPointer(self))._withUnsafeGuaranteedRef(body)
    }

    /// Releases the gatekeeper; the pointer is invalid afterwards.
    func releaseGatekeeper() {
        Unmanaged<Gatekeeper>.fromOpaque(UnsafeRawPointer(self)).release()
    }
}
