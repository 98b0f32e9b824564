import CLatchkeyABI
import Gateway

/// How a gatekeeper looks from C: an opaque pointer that owns it.
extension OpaquePointer {
    init(_ gatekeeper: Gatekeeper) {
        self.init(Unmanaged.passRetained(gatekeeper).toOpaque())
    }

    /// The gatekeeper, which the pointer goes on to own.
    var gatekeeper: Gatekeeper {
        Unmanaged<Gatekeeper>.fromOpaque(UnsafeRawPointer(self)).takeUnretainedValue()
    }

    /// Ends the pointer's ownership.
    func releaseGatekeeper() {
        Unmanaged<Gatekeeper>.fromOpaque(UnsafeRawPointer(self)).release()
    }
}
