import Diagnostics
public import NIOSSL
import Settings

extension HTTPServerOptions.TLS {
  /// Reads certificate and key. TLS 1.2 is the lowest version.
  ///
  /// - Throws: `SecretError` for a key that other users can read or write, `HTTPServerError` when the files can't be
  ///   used.
  public func configuration() throws -> TLSConfiguration {
    try SecretFile.check(key, purpose: "the TLS key")
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(certificate).map {
        NIOSSLCertificateSource.certificate($0)
      }
      let key = try NIOSSLPrivateKey(file: key, format: .pem)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain, privateKey: .privateKey(key))
      configuration.minimumTLSVersion = .tlsv12
      return configuration
    } catch {
      throw HTTPServerError(
        .certificate,
        "certificate \(certificate) and key \(key) can't be used: \(error.reason); set 'http: tls' to PEM files that belong together"
      )
    }
  }
}
