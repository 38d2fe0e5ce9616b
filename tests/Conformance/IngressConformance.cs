using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using Skylight.Core.Uploads;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What every <see cref="IIngress"/> must do, driven by the storage SDK as a client that holds nothing but the URL.</summary>
public abstract class IngressConformance
{
    protected string Container { get; } = UploadId.Container(UploadId.New());

    protected abstract IIngress Ingress { get; }

    /// <summary>Options of the client; an adapter's tests may set a transport of their own.</summary>
    protected virtual BlobClientOptions ClientOptions => new() { Retry = { MaxRetries = 0 } };

    private static DateTimeOffset Later => TimeProvider.System.GetUtcNow().AddHours(1);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Id(int block) => Convert.ToBase64String(BitConverter.GetBytes(block));

    private async Task<BlobContainerClient> ClientAsync() => new(await Ingress.GrantAsync(Container, Later, default), ClientOptions);

    private static async Task<string> ReadAsync(Stream stream)
    {
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    private async Task<List<ArrivedBlob>> AllAsync(int limit = 100)
    {
        var items = new List<ArrivedBlob>();
        string? continuation = null;
        do
        {
            var page = await Ingress.ListAsync(Container, blocks: true, limit, continuation, default);
            items.AddRange(page.Items);
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return items;
    }

    private static async Task<RequestFailedException> RefusedAsync(Func<Task> act, int status = 403)
    {
        var error = await Assert.ThrowsAsync<RequestFailedException>(act);
        Assert.Equal(status, error.Status);
        return error;
    }

    [Fact]
    public async Task Grant_Url_IsAServiceSasOfTheContainerWithoutStart()
    {
        var url = await Ingress.GrantAsync(Container, Later, default);
        var parsed = new BlobUriBuilder(url);
        Assert.Equal(Container, parsed.BlobContainerName);
        Assert.Equal("c", parsed.Sas.Resource);
        Assert.Equal(default, parsed.Sas.StartsOn);
        Assert.NotEmpty(parsed.Sas.Identifier);
        Assert.Null(parsed.Sas.Services);
    }

    [Fact]
    public async Task Grant_Twice_GivesAUrlThatWorks_AndKeepsTheContent()
    {
        var first = await ClientAsync();
        await first.UploadBlobAsync("a", BinaryData.FromString("1"));
        var second = await ClientAsync();
        await second.UploadBlobAsync("b", BinaryData.FromString("2"));
        await first.UploadBlobAsync("c", BinaryData.FromString("3"));
        Assert.Equal(["a", "b", "c"], (await AllAsync()).Select(i => i.Name));
    }

    [Fact]
    public async Task Upload_WithParallelBlocks_ArrivesWhole()
    {
        var content = RandomNumberGenerator.GetBytes(5_000_001);
        var client = await ClientAsync();
        await client.GetBlobClient("large").UploadAsync(
            new MemoryStream(content),
            new BlobUploadOptions { TransferOptions = new() { InitialTransferSize = 1 << 20, MaximumTransferSize = 1 << 20, MaximumConcurrency = 4 } });
        var blob = Assert.Single(await AllAsync());
        Assert.Equal(("large", true, 5_000_001L, 0), (blob.Name, blob.Committed, blob.Size, blob.Blocks.Count));
        await using var stream = await Ingress.OpenAsync(Container, "large", blob.ETag, default);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy);
        Assert.Equal(content, copy.ToArray());
    }

    [Fact]
    public async Task Open_Seeks()
    {
        var content = RandomNumberGenerator.GetBytes(3_000_000);
        var blob = (await ClientAsync()).GetBlockBlobClient("x");
        await blob.StageBlockAsync(Id(1), new MemoryStream(content, 0, 1_000_000));
        await blob.StageBlockAsync(Id(2), new MemoryStream(content, 1_000_000, 2_000_000));
        await blob.CommitBlockListAsync([Id(1), Id(2)]);
        await using var stream = await Ingress.OpenAsync(Container, "x", null, default);
        var buffer = new byte[10];
        foreach (var position in (int[])[2_999_990, 999_995, 0, 1_000_000])
        {
            stream.Position = position;
            await stream.ReadExactlyAsync(buffer);
            Assert.Equal(content.AsSpan(position, 10).ToArray(), buffer);
        }
    }

    [Fact]
    public async Task List_TellsStagedBlocksOfWhatIsNotCommitted()
    {
        var blob = (await ClientAsync()).GetBlockBlobClient("half");
        await blob.StageBlockAsync(Id(1), new MemoryStream(Bytes("hello")));
        await blob.StageBlockAsync(Id(2), new MemoryStream(Bytes("you")));
        var item = Assert.Single(await AllAsync());
        Assert.Equal(("half", false, 0L), (item.Name, item.Committed, item.Size));
        Assert.Null(item.ETag);
        Assert.Equal([new StagedBlock(Id(1), 5), new StagedBlock(Id(2), 3)], item.Blocks.OrderBy(b => b.Id, StringComparer.Ordinal));
    }

    [Fact]
    public async Task List_InPages_NamesEveryBlobOnce()
    {
        var client = await ClientAsync();
        var names = Enumerable.Range(0, 7).Select(i => $"b{i}").ToArray();
        foreach (var name in names) await client.UploadBlobAsync(name, BinaryData.FromString(name));
        Assert.Equal(names, (await AllAsync(limit: 3)).Select(i => i.Name));
    }

    [Fact]
    public async Task List_OfAContainerThatIsNotThere_IsEmpty() => Assert.Empty(await AllAsync());

    [Fact]
    public async Task Open_OfAFrozenVersionThatWasOverwritten_IsRefused()
    {
        var client = await ClientAsync();
        await client.UploadBlobAsync("a", BinaryData.FromString("first"));
        var frozen = Assert.Single(await AllAsync());
        await client.GetBlobClient("a").UploadAsync(BinaryData.FromString("second"), overwrite: true);
        await Assert.ThrowsAsync<UploadChangedException>(async () => await ReadAsync(await Ingress.OpenAsync(Container, "a", frozen.ETag, default)));
        Assert.Equal("second", await ReadAsync(await Ingress.OpenAsync(Container, "a", null, default)));
        await Assert.ThrowsAsync<UploadChangedException>(async () => await ReadAsync(await Ingress.OpenAsync(Container, "none", null, default)));
    }

    [Fact]
    public async Task Sas_AllowsNoRead_NoList_NoDelete()
    {
        var client = await ClientAsync();
        await client.UploadBlobAsync("a", BinaryData.FromString("x"));
        var blob = client.GetBlobClient("a");
        await RefusedAsync(() => blob.DownloadContentAsync());
        await RefusedAsync(() => blob.GetPropertiesAsync());
        await RefusedAsync(() => blob.DeleteAsync());
        await RefusedAsync(() => client.GetBlockBlobClient("a").GetBlockListAsync());
        await RefusedAsync(async () => await client.GetBlobsAsync().GetAsyncEnumerator().MoveNextAsync());
        await RefusedAsync(() => client.DeleteAsync());
        Assert.Single(await AllAsync());
    }

    [Fact]
    public async Task Sas_ForAnotherContainer_IsRefused()
    {
        var url = new UriBuilder(await Ingress.GrantAsync(Container, Later, default));
        var other = UploadId.Container(UploadId.New());
        await Ingress.GrantAsync(other, Later, default);
        url.Path = url.Path.Replace(Container, other, StringComparison.Ordinal);
        await RefusedAsync(() => new BlobContainerClient(url.Uri, ClientOptions).UploadBlobAsync("a", BinaryData.FromString("x")));
        Assert.Empty((await Ingress.ListAsync(other, false, 10, null, default)).Items);
        await Ingress.DeleteAsync(other, default);
    }

    [Fact]
    public async Task Upload_WithIfNoneMatchAny_OverAnExistingBlob_Conflicts()
    {
        var blob = (await ClientAsync()).GetBlobClient("a");
        await blob.UploadAsync(BinaryData.FromString("1"), overwrite: false);
        var error = await RefusedAsync(() => blob.UploadAsync(BinaryData.FromString("2"), overwrite: false), 409);
        Assert.Equal(BlobErrorCode.BlobAlreadyExists.ToString(), error.ErrorCode);
    }

    [Fact]
    public async Task Revoke_EndsEveryUrl_AndKeepsTheContent()
    {
        var client = await ClientAsync();
        await client.UploadBlobAsync("a", BinaryData.FromString("x"));
        await Ingress.RevokeAsync(Container, default);
        await Ingress.RevokeAsync(Container, default);
        await RefusedAsync(() => client.UploadBlobAsync("b", BinaryData.FromString("x")));
        var blob = Assert.Single(await AllAsync());
        Assert.Equal("x", await ReadAsync(await Ingress.OpenAsync(Container, "a", blob.ETag, default)));
    }

    [Fact]
    public async Task Delete_LeavesNothing_AndMayBeRepeated()
    {
        var client = await ClientAsync();
        await client.UploadBlobAsync("a", BinaryData.FromString("x"));
        await Ingress.DeleteAsync(Container, default);
        await Ingress.DeleteAsync(Container, default);
        await Ingress.RevokeAsync(Container, default);
        Assert.Empty(await AllAsync());
        await Assert.ThrowsAsync<UploadChangedException>(async () => await ReadAsync(await Ingress.OpenAsync(Container, "a", null, default)));
    }
}
