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
        do throws(ConfigurationFault) {
            return try Configuration(directives)
        } catch {
            throw Fault(error.directive, error.message)
        }
    }

    func packedSecrets(_ configuration: Configuration) throws(Fault) -> SecretBytes {
        do throws(SecretFault) {
            return try GatewaySecrets.pack(configuration)
        } catch {
            throw Fault(error.directive, error.message)
        }
    }

    func secrets(_ packed: borrowing SecretBytes, _ configuration: Configuration) throws(Fault)
        -> GatewaySecrets
    {
        do throws(SecretFault) {
            return try GatewaySecrets(packed: packed, configuration)
        } catch {
            throw Fault(error.directive, error.message)
        }
    }

    func write(_ fault: Fault, to output: UnsafeMutablePointer<latchkey_fault>) {
        output.pointee.directive =
            directives.lastIndex { $0.name == fault.directive } ?? directives.count
        withUnsafeMutableBytes(of: &output.pointee.message) {
            _ = CText.write(fault.message, to: $0)
        }
    }
}
