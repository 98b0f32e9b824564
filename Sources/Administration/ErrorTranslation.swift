import Keyring

/// Evaluates an expression, and translates the error that it throws.
///
/// - Parameter translate: The type of its parameter is the type of the expression's error.
/// - Throws: What `translate` makes of the error.
func translating<Result, Cause: Error, Failure: Error>(
    _ expression: @autoclosure () throws(Cause) -> Result,
    _ translate: (Cause) -> Failure
) throws(Failure) -> Result {
    do throws(Cause) {
        return try expression()
    } catch {
        throw translate(error)
    }
}

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
