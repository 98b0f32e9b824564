import CLatchkeyABI
import Gateway
import KeyFormat
import Keyring

/// The directives that C passes in.
struct DirectiveList {
    /// Why they are refused, and which directive is at fault.
    struct Fault: Error {
        let directive: String?
        let message: String

        init(_ directive: String?, _ message: String) {
            self.directive = directive
            self.message = message
        }
    }

    private let directives: [Directive]

    init(_ directives: UnsafePointer<latchkey_directive>, _ count: Int) {
        self.directives = (0..<count).map { index in
            let directive = directives[index]
            let values = UnsafeBufferPointer(start: directive.values, count: directive.value_count)
            return Directive(
                name: String(cString: directive.name),
                values: values.map { String(cString: $0) }
            )
        }
    }

    func configuration() throws(Fault) -> Configuration {
        try translating(try Configuration(directives)) { (fault: ConfigurationFault) in
            Fault(fault.directive, fault.message)
        }
    }

    func packedSecrets(_ configuration: Configuration) throws(Fault) -> SecretBytes {
        try translating(try GatewaySecrets.pack(configuration), Self.fault)
    }

    func secrets(_ packed: borrowing SecretBytes, _ configuration: Configuration) throws(Fault)
        -> GatewaySecrets
    {
        try translating(try GatewaySecrets(packed: packed, configuration), Self.fault)
    }

    private static func fault(_ fault: SecretFault) -> Fault {
        Fault(fault.directive, fault.message)
    }

    func write(_ fault: Fault, to output: UnsafeMutablePointer<latchkey_fault>) {
        output.pointee.directive =
            directives.lastIndex { $0.name == fault.directive } ?? directives.count
        withUnsafeMutableBytes(of: &output.pointee.message) {
            _ = CText.write(fault.message, to: $0)
        }
    }
}
