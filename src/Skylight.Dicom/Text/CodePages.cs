using System.Text;

namespace Skylight.Dicom;

/// <summary>Encodings beyond the built-in ones, without registering a provider for the whole process.</summary>
internal static class CodePages
{
    public static Encoding Get(int page) =>
        page is 20127 or 28591 or 65001
            ? Encoding.GetEncoding(page, EncoderFallback.ReplacementFallback, new DecoderReplacementFallback("\uFFFD"))
            : CodePagesEncodingProvider.Instance.GetEncoding(page, EncoderFallback.ReplacementFallback, new DecoderReplacementFallback("\uFFFD"))!;
}
