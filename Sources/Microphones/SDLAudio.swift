import CSDL2
import Synchronization

/// SDL's audio subsystem: started with the first instance and stopped with the last. A caller that chooses a device and
/// opens it keeps one instance alive over both, since SDL's drivers lose their list of devices between two starts.
public final class SDLAudio: Sendable {
  private static let users = Mutex(0)

  /// - Throws: `MicrophoneError` when no sound system runs, with SDL's reason.
  public init() throws(MicrophoneError) {
    let problem: String? = Self.users.withLock { users in
      if users == 0 {
        // The service handles signals itself.
        SDL_SetHint("SDL_NO_SIGNAL_HANDLERS", "1")
        SDL_SetMainReady()
        guard SDL_InitSubSystem(UInt32(SDL_INIT_AUDIO)) == 0 else { return Self.problem }
      }
      users += 1
      return nil
    }
    if let problem {
      // A class that throws after its last property is initialised (it has none) runs its deinitialiser.
      Self.users.withLock { $0 += 1 }
      throw MicrophoneError("no sound system is available: \(problem); start PipeWire or PulseAudio")
    }
  }

  deinit {
    Self.users.withLock { users in
      users -= 1
      if users == 0 { SDL_QuitSubSystem(UInt32(SDL_INIT_AUDIO)) }
    }
  }

  static var problem: String {
    let text = SDL_GetError().map { String(cString: $0) } ?? ""
    return text.isEmpty ? "SDL gives no reason" : text
  }
}
