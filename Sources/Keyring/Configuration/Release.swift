/// The version of both programs.
public enum Release {
    /// As in semantic versioning.
    public static let version = "0.2.0"
}
