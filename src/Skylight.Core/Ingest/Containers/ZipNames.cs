using System.Text;

namespace Skylight.Core.Ingest.Containers;

/// <summary>
/// Names in ZIP files that do not say their encoding: UTF-8 where the bytes are valid UTF-8, else GB18030 (a superset of GBK, what Chinese Windows writes).
/// Names are for display only.
/// </summary>
internal sealed class ZipNames : Encoding
{
    public static readonly ZipNames Instance = new();

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);
    private static readonly Encoding s_gb = CodePagesEncodingProvider.Instance.GetEncoding(54936) ?? Latin1;

    public override int GetByteCount(char[] chars, int index, int count) => s_utf8.GetByteCount(chars, index, count);

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) => s_utf8.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    public override int GetCharCount(byte[] bytes, int index, int count) => Pick(bytes.AsSpan(index, count)).GetCharCount(bytes, index, count);

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) =>
        Pick(bytes.AsSpan(byteIndex, byteCount)).GetChars(bytes, byteIndex, byteCount, chars, charIndex);

    public override int GetMaxByteCount(int charCount) => s_utf8.GetMaxByteCount(charCount);

    public override int GetMaxCharCount(int byteCount) => byteCount + 1;

    private static Encoding Pick(ReadOnlySpan<byte> bytes) => System.Text.Unicode.Utf8.IsValid(bytes) ? s_utf8 : s_gb;
}
