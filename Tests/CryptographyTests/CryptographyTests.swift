import Testing

@testable import Cryptography

/// Bytes of a hexadecimal text.
private func bytes(_ text: String) -> [UInt8] {
  var result: [UInt8] = []
  var rest = Substring(text)
  while let byte = UInt8(rest.prefix(2), radix: 16) {
    result.append(byte)
    rest = rest.dropFirst(2)
  }
  return result
}

@Suite struct CryptographyTests {
  @Test func digestsEqualThoseOfFIPS180() {
    let abc = bytes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(SHA256.hash("abc".utf8) == abc)
    #expect(SHA256.hash([]) == bytes("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    let inParts = SHA256()
    inParts.update([UInt8(ascii: "a")])
    inParts.update([])
    inParts.update("bc".utf8)
    #expect(inParts.finalize() == abc)
    #expect(inParts.finalize().isEmpty)
  }

  /// Test cases 13 and 14 of "The Galois/Counter Mode of Operation" (McGrew, Viega).
  @Test func boxesEqualThoseOfTheGCMSpecification() throws {
    let key = try #require(AuthenticatedEncryption(key: [UInt8](repeating: 0, count: 32)))
    let nonce = [UInt8](repeating: 0, count: 12)
    #expect(
      try key.seal([], context: [], nonce: nonce) == nonce + bytes("530f8afbc74536b9a963b4f1c4cb738b"))
    let box = try key.seal([UInt8](repeating: 0, count: 16), context: [], nonce: nonce)
    #expect(box == nonce + bytes("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"))
  }

  @Test func alteredBoxesDoNotOpen() throws {
    let key = try #require(AuthenticatedEncryption(key: (0..<32).map { UInt8($0) }))
    let other = try #require(AuthenticatedEncryption(key: (0..<32).map { UInt8($0 + 1) }))
    for length in [0, 1, 15, 16, 17, 1000] {
      let plain = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 7) }
      let box = try key.seal(plain, context: [1, 2])
      #expect(try key.open(box, context: [1, 2]) == plain)
      #expect(throws: CryptographyError.notAuthentic) { try key.open(box, context: [1, 3]) }
      #expect(throws: CryptographyError.notAuthentic) { try other.open(box, context: [1, 2]) }
      for index in Set([0, 11, box.count / 2, box.count - 1]) {
        var altered = box
        altered[index] ^= 1
        #expect(throws: CryptographyError.notAuthentic) { try key.open(altered, context: [1, 2]) }
      }
      #expect(throws: CryptographyError.notAuthentic) {
        try key.open(Array(box.prefix(27)), context: [1, 2])
      }
    }
    #expect(AuthenticatedEncryption(key: [1, 2, 3]) == nil)
  }

  /// Tests 1 and 2 of RFC 8032, section 7.1.
  @Test(arguments: [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
  ])
  func signaturesEqualThoseOfRFC8032(_ secret: String, _ open: String, _ message: String, _ expected: String)
    throws
  {
    let key = try Ed25519.PrivateKey(rawRepresentation: bytes(secret))
    #expect(key.publicKey.rawRepresentation == bytes(open))
    let signature = try key.signature(for: bytes(message))
    #expect(signature == bytes(expected))
    #expect(key.publicKey.isValidSignature(signature, for: bytes(message)))
    #expect(!key.publicKey.isValidSignature(signature, for: bytes(message) + [0]))
    var altered = signature
    altered[40] ^= 1
    #expect(!key.publicKey.isValidSignature(altered, for: bytes(message)))
  }

  @Test func newKeysDiffer() throws {
    let (a, b) = (try Ed25519.PrivateKey(), try Ed25519.PrivateKey())
    #expect(a.rawRepresentation != b.rawRepresentation)
    #expect(!b.publicKey.isValidSignature(try a.signature(for: [1]), for: [1]))
    #expect(throws: CryptographyError.self) { try Ed25519.PrivateKey(rawRepresentation: [1]) }
  }
}
