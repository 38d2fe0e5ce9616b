using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Skylight.Edge.Hosting;

/// <summary>A certificate setting that does not work; the message never quotes the password.</summary>
internal sealed class CertificateException(string setting, string message) : Exception(message)
{
    public string Setting { get; } = setting;
}

internal static class Certificates
{
    /// <summary>The server certificate with its private key, or null when none is configured.</summary>
    public static X509Certificate2? Load(EdgeOptions options)
    {
        if (options.CertificateFile is not { Length: > 0 } file) return null;
        Readable(nameof(options.CertificateFile), file);
        if (options.CertificateKeyFile is { } keyFile) Readable(nameof(options.CertificateKeyFile), keyFile);
        string? password = null;
        if (options.CertificatePasswordFile is { } passwordFile)
        {
            Readable(nameof(options.CertificatePasswordFile), passwordFile);
            password = File.ReadLines(passwordFile).FirstOrDefault();
        }

        try
        {
            var certificate = X509Certificate2.GetCertContentType(file) == X509ContentType.Pfx
                ? X509CertificateLoader.LoadPkcs12FromFile(file, password)
                : password is null
                    ? X509Certificate2.CreateFromPemFile(file, options.CertificateKeyFile)
                    : X509Certificate2.CreateFromEncryptedPemFile(file, password, options.CertificateKeyFile);
            if (certificate.HasPrivateKey) return certificate;
            certificate.Dispose();
        }
        catch (CryptographicException)
        {
            throw new CertificateException(nameof(options.CertificateFile), "cannot be read: it must be a PFX file, or a PEM file with its key in it or in CertificateKeyFile, and the password must fit");
        }

        throw new CertificateException(nameof(options.CertificateFile), "has no private key; name it in Skylight:Edge:CertificateKeyFile");
    }

    private static void Readable(string setting, string file)
    {
        try
        {
            File.OpenRead(file).Dispose();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CertificateException(setting, $"names a file that cannot be read: {file}");
        }
    }
}
