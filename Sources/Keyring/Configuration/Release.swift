/// The version of the module and the executable.
public enum Release {
    /// A semantic version.
    public static let version = "0.3.0"
}
