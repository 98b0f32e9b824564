// latchkey.h declares and documents these functions.
// swift-format-ignore-file: AlwaysUseLowerCamelCase, AllPublicDeclarationsHaveDocumentation

import CLatchkeyABI
import Gateway
import KeyFormat
import Keyring

@_cdecl("latchkey_abi_version") @implementation
public func latchkey_abi_version() -> UInt32 {
    UInt32(LATCHKEY_ABI_VERSION)
}

@_cdecl("latchkey_prepare") @implementation
public func latchkey_prepare(
    _ directives: UnsafePointer<latchkey_directive>,
    _ directive_count: Int,
    _ capacity: Int,
    _ secrets: UnsafeMutablePointer<UInt8>,
    _ fault: UnsafeMutablePointer<latchkey_fault>
) -> Int {
    let list = DirectiveList(directives, directive_count)
    do throws(DirectiveList.Fault) {
        let packed = try list.packedSecrets(list.configuration())
        return try packed.withSpan { bytes throws(DirectiveList.Fault) in
            guard bytes.count <= capacity else { throw .init(nil, "the secrets are too long") }
            for index in 0..<bytes.count { secrets[index] = bytes[index] }
            return bytes.count
        }
    } catch {
        list.write(error, to: fault)
        return 0
    }
}

@_cdecl("latchkey_endpoints") @implementation
public func latchkey_endpoints(
    _ directives: UnsafePointer<latchkey_directive>,
    _ directive_count: Int,
    _ capacity: Int,
    _ endpoints: UnsafeMutablePointer<CChar>
) -> Int {
    guard let configuration = try? DirectiveList(directives, directive_count).configuration() else {
        return 0
    }
    let text = configuration.topology.endpoints.map { "\($0)\n" }.joined()
    return CText.copy(text, to: endpoints, capacity)
}

@_cdecl("latchkey_tls_files") @implementation
public func latchkey_tls_files(
    _ directives: UnsafePointer<latchkey_directive>,
    _ directive_count: Int,
    _ capacity: Int,
    _ files: UnsafeMutablePointer<CChar>
) -> Int {
    guard let configuration = try? DirectiveList(directives, directive_count).configuration(),
        let tls = configuration.tls
    else { return 0 }
    let paths = [tls.caFile, tls.certificateFile, tls.keyFile]
    return CText.copy(paths.map { "\($0 ?? "")\0" }.joined(), to: files, capacity)
}

@_cdecl("latchkey_gateway_new") @implementation
public func latchkey_gateway_new(
    _ directives: UnsafePointer<latchkey_directive>,
    _ directive_count: Int,
    _ secrets: UnsafePointer<UInt8>,
    _ secrets_length: Int,
    _ process: latchkey_process,
    _ fault: UnsafeMutablePointer<latchkey_fault>
) -> OpaquePointer? {
    let list = DirectiveList(directives, directive_count)
    do throws(DirectiveList.Fault) {
        let configuration = try list.configuration()
        let packed = SecretBytes(
            copying: UnsafeBufferPointer(start: secrets, count: secrets_length).span
        )
        return OpaquePointer(
            Gatekeeper(
                configuration,
                secrets: try list.secrets(packed, configuration),
                identity: .init(
                    number: UInt64.random(in: .min ... .max),
                    host: String(cString: process.host),
                    processID: UInt64(process.pid)
                )
            )
        )
    } catch {
        list.write(error, to: fault)
        return nil
    }
}

@_cdecl("latchkey_gateway_free") @implementation
public func latchkey_gateway_free(_ gateway: OpaquePointer?) {
    gateway?.releaseGatekeeper()
}
