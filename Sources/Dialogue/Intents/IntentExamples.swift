/// Example utterances with and without a command. A model is trained on them; without a model the trigrams are compared.
public enum IntentExamples {
  /// Commands without a slot, by label, with example phrases.
  public static let commands: [String: (intent: Intent, phrases: [String])] = [
    "recenter": (
      .recenter,
      [
        "recenter the view", "put the scene in front of me", "reset my position",
        "the picture has drifted, fix it",
        "everything is off to the side, bring it back", "make straight ahead where I am looking",
        "realign the headset",
        "my view is crooked", "face me forward again",
      ]
    ),
    "start recording": (
      .startRecording,
      [
        "start recording", "begin a recording", "please record this session", "save what happens from now on",
        "capture this", "keep a log of this session", "turn the recorder on", "roll the tape",
      ]
    ),
    "stop recording": (
      .stopRecording,
      [
        "stop recording", "end the recording", "stop the recording now", "that is enough, finish the capture",
        "turn the recorder off", "no more recording", "we are done recording", "close the session file",
      ]
    ),
    "describe": (
      .describe,
      [
        "what is this", "what am I looking at", "what is that thing there", "do you know what this is",
        "can you tell me what I have in front of me", "identify the object", "name what I see",
        "which object is this",
      ]
    ),
    "forget": (
      .forget,
      [
        "clear the conversation", "forget what we talked about", "start our talk from scratch",
        "erase your memory of this chat", "wipe the history", "let us begin a new conversation",
      ]
    ),
    "cancel": (
      .cancel,
      [
        "cancel that", "never mind", "stop talking", "that is not what I wanted", "ignore what I said",
        "drop it", "quiet please", "abort",
      ]
    ),
  ]

  /// Utterances without a command: questions and talk.
  public static let others: [String] = [
    "how tall is that tower", "what time is it", "why is the light blinking", "who made this machine",
    "how do I change the filter", "is it safe to touch the pipe", "where is the exit",
    "what does this sign mean",
    "how hot is the engine", "the weather is fine today", "I will see you tomorrow", "she was reading a book",
    "let me think about it", "we should have lunch soon", "could you explain how a valve works",
    "what is the capital of France", "tell me a joke", "how many screws are there",
    "I forgot my keys at home",
    "the record player is broken", "he started a new company", "the meeting stopped at noon",
    "I like this music",
    "what colour is the cable", "summarise what we have seen so far", "which way is north",
    "how do I stop the pump", "when was this recorded", "can you translate the label",
  ]
}
