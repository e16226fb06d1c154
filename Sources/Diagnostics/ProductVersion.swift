/// The version that packages, `--version` and the protocol's welcome state.
public enum ProductVersion {
  public static let text = "0.1.0"
}
