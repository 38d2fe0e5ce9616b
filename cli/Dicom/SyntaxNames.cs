using Skylight.Dicom;

namespace Skylight.Cli.Dicom;

/// <summary>Short names of the transfer syntaxes that <c>convert</c> writes.</summary>
internal static class SyntaxNames
{
    private static readonly Dictionary<string, string> Uids = new(StringComparer.OrdinalIgnoreCase)
    {
        ["implicit"] = "1.2.840.10008.1.2",
        ["explicit"] = "1.2.840.10008.1.2.1",
        ["deflated"] = "1.2.840.10008.1.2.1.99",
        ["big-endian"] = "1.2.840.10008.1.2.2",
        ["rle"] = "1.2.840.10008.1.2.5",
        ["jpeg-ls"] = "1.2.840.10008.1.2.4.80",
        ["jpeg2000"] = "1.2.840.10008.1.2.4.90",
        ["jpeg"] = "1.2.840.10008.1.2.4.50",
    };

    public static IEnumerable<string> All => Uids.Keys;

    public static TransferSyntax Parse(string text)
    {
        var syntax = TransferSyntax.Of(Uids.GetValueOrDefault(text, text));
        return Skylight.Imaging.Transcoder.CanWrite(syntax) ? syntax : throw new CliException(ExitCode.Usage, $"--to is one of {string.Join(", ", All)}, not '{text}'.");
    }
}
