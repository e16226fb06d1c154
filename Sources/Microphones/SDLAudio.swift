import CSDL2
import Synchronization

/// SDL's audio part: started with the first of these and stopped with the last. Who chooses a device and opens it holds
/// one over both: between two starts SDL's drivers forget, and some stumble.
public final class SDLAudio: Sendable {
  private static let users = Mutex(0)

  /// - Throws: when there is no sound system, in SDL's words.
  public init() throws(MicrophoneFault) {
    let problem: String? = Self.users.withLock { users in
      if users == 0 {
        // A service has its own signals.
        SDL_SetHint("SDL_NO_SIGNAL_HANDLERS", "1")
        SDL_SetMainReady()
        guard SDL_InitSubSystem(UInt32(SDL_INIT_AUDIO)) == 0 else { return Self.problem }
      }
      users += 1
      return nil
    }
    if let problem {
      // A class that throws after its last property (it has none) is torn down as any other.
      Self.users.withLock { $0 += 1 }
      throw MicrophoneFault("there is no sound system: \(problem)")
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
