import Glibc

/// Opens a file for writing that its owner alone can read: a new one, or an earlier one of this user, which is emptied
/// and gets the mode 0600.
///
/// Another user may have made the file or a symbolic link with its name beforehand; both are refused. Devices, and pipes
/// of this user, keep their mode. `/dev/stdout` and the like are links of the kernel, which are followed.
///
/// - Returns: the descriptor, which the caller closes.
/// - Throws: `RecordingError` when the file can't be opened or belongs to another user.
public func openPrivateFile(_ path: String) throws(RecordingError) -> Int32 {
  func failure(_ problem: String) -> RecordingError {
    RecordingError(.unwritable, file: path, problem: problem)
  }
  func failure(_ code: Int32) -> RecordingError { failure(String(cString: strerror(code))) }

  let flags = O_WRONLY | O_CLOEXEC
  // The mode precedes the content. Some file systems assign all files to one user, so the owner does not matter.
  let new = open(path, flags | O_CREAT | O_EXCL, 0o600)
  if new >= 0 { return new }
  guard errno == EEXIST else { throw failure(errno) }

  let isRedirection = leadsToRedirection(path)
  let descriptor = open(path, isRedirection ? flags : flags | O_NOFOLLOW)
  guard descriptor >= 0 else {
    throw errno == ELOOP
      ? failure("is a symbolic link, which another user may have made; name the file that it leads to")
      : failure(errno)
  }
  do throws(RecordingError) {
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { throw failure(errno) }
    let kind = info.st_mode & S_IFMT
    if !isRedirection, kind == S_IFREG || kind == S_IFIFO, info.st_uid != geteuid() {
      throw failure("belongs to user \(info.st_uid), who could read it; remove it or choose another name")
    }
    guard kind == S_IFREG else { return descriptor }
    if info.st_uid == geteuid(), fchmod(descriptor, 0o600) != 0 { throw failure(errno) }
    if ftruncate(descriptor, 0) != 0 { throw failure(errno) }
  } catch {
    close(descriptor)
    throw error
  }
  return descriptor
}

/// Whether the file is one of the links by which the kernel names open files; only root makes files in these folders.
private func leadsToRedirection(_ path: String) -> Bool {
  guard let slash = path.lastIndex(of: "/") else { return false }
  let folder = path[..<slash]
  return folder == "/dev" || folder == "/dev/fd" || folder.hasPrefix("/proc/")
}
