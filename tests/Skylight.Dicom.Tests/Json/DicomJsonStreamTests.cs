using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Skylight.Dicom.Tests.Json;

public sealed class DicomJsonStreamTests
{
    private static readonly CancellationToken s_cancel = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100_000)]
    public async Task Read_ArrayInPieces_GivesEveryDataset(int piece)
    {
        var array = "[ " + string.Join(" ,\n", Enumerable.Range(1, 20).Select(Object)) + " ] \n";
        var uids = await ReadAsync(array, piece);
        Assert.Equal(Enumerable.Range(1, 20).Select(i => $"2.25.{i}"), uids);
    }

    [Theory]
    [InlineData("[]", 0)]
    [InlineData(" [ ] ", 0)]
    [InlineData("{}", 1)]
    [InlineData("[{},{}]", 2)]
    public async Task Read_ShortForms_AreUnderstood(string json, int count)
    {
        foreach (var piece in (int[])[1, 1000]) Assert.Equal(count, (await ReadAsync(json, piece)).Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[")]
    [InlineData("[{}")]
    [InlineData("[{},]")]
    [InlineData("[{}]]")]
    [InlineData("[{}] x")]
    [InlineData("{}{}")]
    [InlineData("[1]")]
    [InlineData("[[{}]]")]
    [InlineData("\"x\"")]
    [InlineData("[{\"00100010\":{\"vr\":\"PN\",\"Value\":[}]")]
    [InlineData("[{\"00100010\":1}]")]
    public async Task Read_WhatIsNoDicomJson_IsRefusedWhateverThePieces(string json)
    {
        foreach (var piece in (int[])[1, 3, 1000])
            Assert.Equal(DicomErrors.BadJson, (await Assert.ThrowsAsync<DicomFormatException>(() => ReadAsync(json, piece))).Code);
    }

    [Fact]
    public async Task Read_ObjectBeyondTheLimit_IsRefused() =>
        Assert.Equal(DicomErrors.TooLarge, (await Assert.ThrowsAsync<DicomFormatException>(() => ReadAsync("[" + Object(1) + "]", 10, 40))).Code);

    [Fact]
    public async Task Write_Datasets_AreReadAgain()
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await DicomJsonStream.WriteAsync(pipe.Writer, Datasets(), null, s_cancel);
        await pipe.Writer.CompleteAsync();
        var read = new List<string?>();
        await foreach (var dataset in DicomJsonStream.ReadAsync(pipe.Reader, cancellationToken: s_cancel)) read.Add(dataset.GetString(DicomTags.PatientName));
        Assert.Equal(["Wang^Xiaodong=王^小东", "Wang^Xiaodong=王^小东"], read);
    }

    private static async IAsyncEnumerable<DicomDataset> Datasets()
    {
        await Task.CompletedTask;
        yield return Samples.Ct();
        yield return Samples.Ct();
    }

    private static string Object(int i) => $"{{\"00080018\":{{\"vr\":\"UI\",\"Value\":[\"2.25.{i}\"]}},\"00081115\":{{\"vr\":\"SQ\",\"Value\":[{{}},{{\"00100010\":{{\"vr\":\"PN\",\"Value\":[{{\"Alphabetic\":\"a]}}王\"}}]}}}}]}}}}";

    private static async Task<List<string?>> ReadAsync(string json, int piece, int limit = DicomJsonStream.DefaultMaxObjectBytes)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        var pipe = new Pipe();
        var writing = Task.Run(async () =>
        {
            for (var at = 0; at < bytes.Length; at += piece)
                if ((await pipe.Writer.WriteAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)), s_cancel)).IsCompleted) break;
            await pipe.Writer.CompleteAsync();
        }, s_cancel);
        var uids = new List<string?>();
        try
        {
            await foreach (var dataset in DicomJsonStream.ReadAsync(pipe.Reader, limit, s_cancel)) uids.Add(dataset.GetString(DicomTags.SOPInstanceUID));
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            await writing;
        }

        return uids;
    }
}
