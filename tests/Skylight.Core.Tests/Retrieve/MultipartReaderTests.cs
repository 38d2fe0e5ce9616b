using System.IO.Pipelines;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Skylight.Core.Retrieve;

namespace Skylight.Core.Tests.Retrieve;

public sealed class MultipartReaderTests
{
    private const string Boundary = "b0und";

    [Fact]
    public async Task ReadPartAsync_TwoParts_GivesHeadersAndExactContent()
    {
        var body = Latin("--b0und\r\nContent-Type: application/dicom\r\nContent-Location: a/b\r\n\r\none\r\n\r\n--b0und  \r\ncontent-type:application/dicom\r\n\r\n\r\n--b0und--\r\nepilogue");
        var parts = await ReadAllAsync(body, chunk: 7);

        Assert.Equal(2, parts.Count);
        Assert.Equal("application/dicom", parts[0].Part.ContentType);
        Assert.Equal("a/b", parts[0].Part.ContentLocation);
        Assert.Equal("one\r\n", Encoding.Latin1.GetString(parts[0].Content));
        Assert.Equal("application/dicom", parts[1].Part.ContentType);
        Assert.Empty(parts[1].Content);
    }

    [Fact]
    public void ReadPartAsync_AnyContentInAnyChunks_ComesBackUnchanged()
    {
        // Contents made of the delimiter's own characters, so that half delimiters are everywhere.
        var alphabet = Gen.Elements((byte)'\r', (byte)'\n', (byte)'-', (byte)'b', (byte)'0', (byte)'u', (byte)'n', (byte)'x', (byte)0);
        var contents = Gen.ListOf(Gen.ListOf(alphabet).Select(l => l.ToArray()));
        var arbitrary = Arb.From(from c in contents from chunk in Gen.Choose(1, 40) select (Contents: c.ToArray(), Chunk: chunk));
        Prop.ForAll(arbitrary, input =>
        {
            var expected = input.Contents.Where(c => !Contains(c, "\r\n--b0und") && !Contains([.. "\r\n"u8, .. c], "\r\n--b0und")).ToArray();
            var parts = ReadAllAsync(Compose(expected), input.Chunk).GetAwaiter().GetResult();
            return parts.Select(p => Convert.ToHexString(p.Content)).SequenceEqual(expected.Select(Convert.ToHexString));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void ReadPartAsync_AnyBytes_AreReadOrRefused()
    {
        var pieces = Gen.Elements("--b0und", "\r\n", "--", "\n", ":", " ", "A: b", "Content-Type: application/dicom", "\0", "x", "\r\n\r\n", "\u00FF");
        var body = Arb.From(from list in Gen.ListOf(pieces) from chunk in Gen.Choose(1, 9) select (Text: string.Concat(list), Chunk: chunk));
        Prop.ForAll(body, input =>
        {
            var failure = Record.Exception(() => ReadAllAsync(Latin(input.Text), input.Chunk).GetAwaiter().GetResult());
            return failure is null or MultipartFormatException;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public async Task ReadPartAsync_PartNotRead_IsSkipped()
    {
        using var reader = new MultipartReader(new ChunkedStream(Compose([Latin("first, never read"), Latin("second")]), 3), Boundary, new());
        var first = await reader.ReadPartAsync(default);
        var second = await reader.ReadPartAsync(default);

        Assert.Equal(0, await first!.Content.ReadAsync(new byte[10]));
        Assert.Equal("second", Encoding.Latin1.GetString(await DrainAsync(second!.Content)));
        Assert.Null(await reader.ReadPartAsync(default));
        Assert.Null(await reader.ReadPartAsync(default));
    }

    [Fact]
    public async Task ReadPartAsync_BodyCutAnywhere_IsTruncatedNeverShort()
    {
        var whole = Compose([Latin("one"), Latin("two")]);
        var lastNeeded = whole.Length - 2;
        for (var length = 0; length < lastNeeded; length++)
        {
            var cut = whole[..length];
            var failure = await Assert.ThrowsAsync<MultipartFormatException>(() => ReadAllAsync(cut, 5));
            Assert.Equal("multipart.truncated", failure.Code);
        }
    }

    [Theory]
    [InlineData("--b0und\r\nNo colon\r\n\r\nx\r\n--b0und--", "multipart.headers")]
    [InlineData("--b0und\r\nA: 1\r\nA: 2\r\n\r\nx\r\n--b0und--", "multipart.headers")]
    [InlineData("--b0und\r\nA: 1\r\n folded\r\n\r\nx\r\n--b0und--", "multipart.headers")]
    [InlineData("--b0und\r\nA: \u0001\r\n\r\nx\r\n--b0und--", "multipart.headers")]
    [InlineData("--b0und\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b0und--", "multipart.encoding")]
    [InlineData("--b0undX\r\n\r\nx\r\n--b0und--", "multipart.boundary")]
    [InlineData("--other\r\n\r\nx\r\n--other--", "multipart.truncated")]
    public async Task ReadPartAsync_Malformed_IsRefusedByCode(string body, string code)
    {
        var failure = await Assert.ThrowsAsync<MultipartFormatException>(() => ReadAllAsync(Latin(body), 4));
        Assert.Equal(code, failure.Code);
    }

    [Fact]
    public async Task ReadPartAsync_PastItsLimits_IsRefused()
    {
        var preamble = Latin(new string('p', 5000) + "\r\n--b0und--");
        var longHeader = Latin("--b0und\r\nA: " + new string('h', 9000) + "\r\n\r\n\r\n--b0und--");
        var manyHeaders = Latin("--b0und\r\n" + string.Concat(Enumerable.Range(0, 33).Select(i => $"H{i}: x\r\n")) + "\r\n\r\n--b0und--");
        Assert.Equal("multipart.boundary", (await Assert.ThrowsAsync<MultipartFormatException>(() => ReadAllAsync(preamble, 100))).Code);
        Assert.Equal("multipart.limit", (await Assert.ThrowsAsync<MultipartFormatException>(() => ReadAllAsync(longHeader, 100))).Code);
        Assert.Equal("multipart.limit", (await Assert.ThrowsAsync<MultipartFormatException>(() => ReadAllAsync(manyHeaders, 100))).Code);

        using var reader = new MultipartReader(new ChunkedStream(Compose([[1], [2], [3]]), 50), Boundary, new() { MaxParts = 2 });
        await reader.ReadPartAsync(default);
        await reader.ReadPartAsync(default);
        Assert.Equal("multipart.limit", (await Assert.ThrowsAsync<MultipartFormatException>(async () => await reader.ReadPartAsync(default))).Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ends in space ")]
    [InlineData("line\r\nbreak")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789X")]
    public void Constructor_NoBoundary_IsRefused(string boundary)
    {
        var failure = Assert.Throws<MultipartFormatException>(() => new MultipartReader(Stream.Null, boundary, new()));
        Assert.Equal("multipart.boundary", failure.Code);
    }

    [Fact]
    public async Task Content_LargePart_IsStreamedThroughOneBuffer()
    {
        var content = new byte[3_000_000];
        new Random(7).NextBytes(content);
        var body = Compose([content]);
        using var reader = new MultipartReader(new MemoryStream(body), Boundary, new());
        var part = await reader.ReadPartAsync(default);
        var largest = 0;
        var buffer = new byte[1 << 20];
        var copy = new MemoryStream();
        for (int read; (read = await part!.Content.ReadAsync(buffer)) > 0; copy.Write(buffer, 0, read)) largest = Math.Max(largest, read);

        Assert.Equal(content, copy.ToArray());
        Assert.True(largest <= 128 * 1024, $"A read gave {largest} bytes.");
    }

    [Fact]
    public async Task Writer_Parts_AreReadBack()
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var contentType = MultipartWriter.NewContentType("application/dicom", out var boundary);
        var writer = new MultipartWriter(pipe.Writer, boundary);
        writer.BeginPart("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", "http://h/dicomweb/studies/1");
        await pipe.Writer.WriteAsync(Latin("abc"));
        writer.BeginPart("application/dicom", null);
        await writer.CompleteAsync(default);
        await pipe.Writer.CompleteAsync();
        var whole = await pipe.Reader.ReadAsync();
        Assert.Equal(
            whole.Buffer.Length,
            MultipartWriter.Length(boundary, [("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", "http://h/dicomweb/studies/1", 3), ("application/dicom", null, 0)]));
        pipe.Reader.AdvanceTo(whole.Buffer.Start);

        Assert.True(MediaRange.TryParse(contentType, out var type));
        Assert.Equal("application/dicom", type.Parameter("type"));
        using var reader = new MultipartReader(pipe.Reader.AsStream(), type.Parameter("boundary")!, new());
        var first = await reader.ReadPartAsync(default);
        Assert.Equal("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", first!.ContentType);
        Assert.Equal("http://h/dicomweb/studies/1", first.ContentLocation);
        Assert.Equal("abc", Encoding.Latin1.GetString(await DrainAsync(first.Content)));
        Assert.Empty(await DrainAsync((await reader.ReadPartAsync(default))!.Content));
        Assert.Null(await reader.ReadPartAsync(default));
    }

    private static byte[] Compose(byte[][] contents)
    {
        var body = new MemoryStream();
        foreach (var content in contents)
        {
            body.Write("--b0und\r\nContent-Type: application/dicom\r\n\r\n"u8);
            body.Write(content);
            body.Write("\r\n"u8);
        }
        body.Write("--b0und--\r\n"u8);
        return body.ToArray();
    }

    private static bool Contains(byte[] content, string text) => Encoding.Latin1.GetString(content).Contains(text, StringComparison.Ordinal);

    private static byte[] Latin(string text) => Encoding.Latin1.GetBytes(text);

    private static async Task<List<(MultipartPart Part, byte[] Content)>> ReadAllAsync(byte[] body, int chunk)
    {
        using var reader = new MultipartReader(new ChunkedStream(body, chunk), Boundary, new());
        var parts = new List<(MultipartPart, byte[])>();
        while (await reader.ReadPartAsync(default) is { } part) parts.Add((part, await DrainAsync(part.Content)));
        return parts;
    }

    private static async Task<byte[]> DrainAsync(Stream content)
    {
        var copy = new MemoryStream();
        await content.CopyToAsync(copy);
        return copy.ToArray();
    }

    /// <summary>Gives at most so many bytes a read, as a network does.</summary>
    private sealed class ChunkedStream(byte[] content, int chunk) : MemoryStream(content)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, chunk)], cancellationToken);
    }
}
