namespace Skylight.Local.Keys;

/// <summary>Where the key ring lies and how it is protected, section <c>Skylight:KeyRing</c>.</summary>
public sealed class KeyRingOptions
{
    public const string Section = "Skylight:KeyRing";

    /// <summary>The key ring file. Default: <c>keys.json</c> in the data folder. Better on another volume, and backed up apart from the data.</summary>
    public string? Path { get; set; }

    /// <summary>A file (mode 0600) with the passphrase that protects the key ring; a line end after it is ignored. Default: none, the file's mode protects it.</summary>
    public string? PassphraseFile { get; set; }
}
