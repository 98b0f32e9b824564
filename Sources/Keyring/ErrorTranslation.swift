/// Evaluates an expression, and translates the error that it throws.
///
/// - Parameter translate: The type of its parameter is the type of the expression's error.
/// - Throws: What `translate` makes of the error.
package func translating<Result: ~Copyable, Cause: Error, Failure: Error>(
    _ expression: @autoclosure () throws(Cause) -> Result,
    _ translate: (Cause) -> Failure
) throws(Failure) -> Result {
    do throws(Cause) {
        return try expression()
    } catch {
        throw translate(error)
    }
}
