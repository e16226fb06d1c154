import Devices
import Glibc

/// The folder of what the bridge stores: roles, calibrations, pairings, keys.
public enum StateFolder {
  /// The reason why nothing can be stored in a folder, with the remedy; nil where files can be written.
  public static func problem(_ path: String) -> String? {
    // The folder is made with its first file, in the folder above.
    var place = path
    while place.count > 1, access(place, F_OK) != 0, errno == ENOENT {
      let parent = place.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      place = parent.count > 1 ? parent.joined(separator: "/") : "/"
    }
    guard access(place, W_OK | X_OK) != 0 else { return nil }
    return
      "roles, calibrations and pairings are not stored: can't write to \(place): \(errorText(errno)); set XDG_STATE_HOME to a folder of yours, or change the permissions"
  }
}
