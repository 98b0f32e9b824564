import Keyring

/// Evaluates an expression that uses the store, and translates its fault for the user.
func translatingStoreFault<Result>(
    _ expression: @autoclosure () throws(StoreConnection.Fault) -> Result
) throws(AdministrationError) -> Result {
    try translating(try expression()) { (fault: StoreConnection.Fault) in
        AdministrationError(fault)
    }
}

/// Evaluates an expression that reads a secret, and translates its fault for the user.
func translatingSecretFault<Result>(
    _ expression: @autoclosure () throws(SecretFault) -> Result
) throws(AdministrationError) -> Result {
    try translating(try expression()) { (fault: SecretFault) in AdministrationError(fault) }
}
