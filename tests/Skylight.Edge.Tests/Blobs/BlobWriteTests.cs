using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Tests.Blobs;

public sealed class BlobWriteTests(EdgeIngressTests.Host fixture) : IClassFixture<EdgeIngressTests.Host>
{
    private BlobHost Host => fixture.Blobs;

    private static string Id(int block) => Convert.ToBase64String(BitConverter.GetBytes(block));

    private static Uri Blob(Uri container, string encodedName, string query = "") => new($"{container.GetLeftPart(UriPartial.Path)}/{encodedName}{container.Query}{query}");

    private async Task<string> SendAsync(Uri url, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, url) { Content = content };
        foreach (var (name, value) in headers)
            if (!request.Headers.TryAddWithoutValidation(name, value)) content!.Headers.TryAddWithoutValidation(name, value);
        using var response = await Host.Client.SendAsync(request);
        return response.IsSuccessStatusCode
            ? ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture)
            : $"{(int)response.StatusCode} {(response.Headers.TryGetValues("x-ms-error-code", out var code) ? code.Single() : "")}".TrimEnd();
    }

    private Task<string> PutAsync(Uri container, string name, byte[] body, params (string Name, string Value)[] headers) =>
        SendAsync(Blob(container, name), new ByteArrayContent(body), [("x-ms-blob-type", "BlockBlob"), .. headers]);

    private async Task<List<ArrivedBlob>> ArrivedAsync(string container) => [.. (await Host.Ingress.ListAsync(container, true, 1000, null, default)).Items];

    private static byte[] Md5(ReadOnlySpan<byte> bytes) => Skylight.Edge.Blobs.BlobBody.Md5Of(bytes);

    private BlobContainerClient Reader(string container) => new(Host.Sign(container, "racw"), BlobHost.Options);

    [Fact]
    public async Task PutBlob_WithRightMd5_IsStored_WithWrongMd5_IsNot()
    {
        var (container, url) = await Host.GrantAsync();
        var body = "hello"u8.ToArray();
        var right = Convert.ToBase64String(Md5(body));
        var wrong = Convert.ToBase64String(new byte[16]);
        Assert.Equal("201", await PutAsync(url, "a", body, ("Content-MD5", right)));
        Assert.Equal("201", await PutAsync(url, "b", body, ("x-ms-blob-content-md5", right)));
        Assert.Equal("400 Md5Mismatch", await PutAsync(url, "c", body, ("Content-MD5", wrong)));
        Assert.Equal("400 Md5Mismatch", await PutAsync(url, "d", body, ("x-ms-blob-content-md5", wrong)));
        Assert.Equal("400 InvalidMd5", await PutAsync(url, "e", body, ("x-ms-blob-content-md5", "AAAA")));
        Assert.Equal("400 Md5Mismatch", await PutAsync(url, "f", [], ("Content-MD5", wrong)));
        Assert.Equal(["a", "b"], (await ArrivedAsync(container)).Select(i => i.Name));
    }

    [Theory]
    [InlineData(StorageChecksumAlgorithm.MD5)]
    [InlineData(StorageChecksumAlgorithm.StorageCrc64)]
    public async Task Upload_WithTheSdksChecksums_IsStored(StorageChecksumAlgorithm algorithm)
    {
        var (container, url) = await Host.GrantAsync();
        var content = RandomNumberGenerator.GetBytes(700_001);
        var transfer = new StorageTransferOptions { InitialTransferSize = 100_000, MaximumTransferSize = 100_000 };
        var blob = new BlobContainerClient(url, BlobHost.Options).GetBlobClient("a");
        await blob.UploadAsync(new MemoryStream(content), new BlobUploadOptions { TransferOptions = transfer, TransferValidation = new() { ChecksumAlgorithm = algorithm } });
        var small = new BlobContainerClient(url, BlobHost.Options).GetBlobClient("b");
        await small.UploadAsync(new MemoryStream(content), new BlobUploadOptions { TransferValidation = new() { ChecksumAlgorithm = algorithm } });
        Assert.Equal(content, (await Reader(container).GetBlobClient("a").DownloadContentAsync()).Value.Content.ToArray());
        Assert.Equal(content, (await Reader(container).GetBlobClient("b").DownloadContentAsync()).Value.Content.ToArray());
    }

    [Fact]
    public async Task Put_WithWrongCrc64_IsRefused()
    {
        var (container, url) = await Host.GrantAsync();
        var wrong = Convert.ToBase64String(new byte[8]);
        Assert.Equal("400 Crc64Mismatch", await PutAsync(url, "a", "hello"u8.ToArray(), ("x-ms-content-crc64", wrong)));
        Assert.Equal("400 Crc64Mismatch", await SendAsync(Blob(url, "a", $"&comp=block&blockid={Uri.EscapeDataString(Id(1))}"), new StringContent("hello"), ("x-ms-content-crc64", wrong)));
        Assert.Empty(await ArrivedAsync(container));
    }

    [Fact]
    public async Task StageBlock_WithWrongMd5_KeepsTheEarlierBlock()
    {
        var (container, url) = await Host.GrantAsync();
        var block = Blob(url, "a", $"&comp=block&blockid={Uri.EscapeDataString(Id(1))}");
        Assert.Equal("201", await SendAsync(block, new StringContent("first")));
        Assert.Equal("400 Md5Mismatch", await SendAsync(block, new StringContent("again"), ("Content-MD5", Convert.ToBase64String(new byte[16]))));
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=blocklist"), new StringContent($"<?xml version=\"1.0\"?><BlockList><Latest>{Id(1)}</Latest></BlockList>")));
        Assert.Equal("first", (await Reader(container).GetBlobClient("a").DownloadContentAsync()).Value.Content.ToString());
    }

    [Fact]
    public async Task Conditions_AreTheServices()
    {
        var (_, url) = await Host.GrantAsync();
        Assert.Equal("412 ConditionNotMet", await PutAsync(url, "a", [1], ("If-Match", "*")));
        Assert.Equal("201", await PutAsync(url, "a", [1], ("If-None-Match", "*")));
        Assert.Equal("409 BlobAlreadyExists", await PutAsync(url, "a", [2], ("If-None-Match", "*")));
        Assert.Equal("412 ConditionNotMet", await PutAsync(url, "a", [2], ("If-Match", "\"0x1\"")));
        Assert.Equal("412 ConditionNotMet", await PutAsync(url, "a", [2], ("If-Unmodified-Since", "Mon, 06 Jan 2020 00:00:00 GMT")));
        Assert.Equal("412 ConditionNotMet", await PutAsync(url, "a", [2], ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")));
        Assert.Equal("400 InvalidHeaderValue", await PutAsync(url, "a", [2], ("If-Modified-Since", "yesterday")));
        Assert.Equal("409 BlobAlreadyExists", await SendAsync(Blob(url, "a", "&comp=blocklist"), new StringContent("<BlockList/>"), ("If-None-Match", "*")));
        Assert.Equal("201", await PutAsync(url, "a", [2], ("If-Match", "*")));
    }

    [Fact]
    public async Task IfMatch_LetsExactlyOneOfManyWritersWin()
    {
        var (_, url) = await Host.GrantAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => PutAsync(url, "a", [(byte)i], ("If-None-Match", "*"))));
        Assert.Equal(1, answers.Count(a => a == "201"));
        Assert.All(answers.Where(a => a != "201"), a => Assert.Equal("409 BlobAlreadyExists", a));
    }

    [Theory]
    [InlineData("")]
    [InlineData("&blockid=")]
    [InlineData("&blockid=not%20base64!")]
    [InlineData("&blockid=QQ")]
    [InlineData("&blockid=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE%3D")]
    [InlineData("&blockid=QUFB&blockid=QUFB")]
    public async Task PutBlock_WithABadId_IsRefused(string query)
    {
        var (container, url) = await Host.GrantAsync();
        Assert.Equal("400 InvalidQueryParameterValue", await SendAsync(Blob(url, "a", "&comp=block" + query), new StringContent("x")));
        Assert.Empty(await ArrivedAsync(container));
    }

    [Fact]
    public async Task PutBlock_WithIdsOfTwoLengths_IsRefused()
    {
        var (container, url) = await Host.GrantAsync();
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QUFB"), new StringContent("x")));
        Assert.Equal("400 InvalidBlobOrBlock", await SendAsync(Blob(url, "a", "&comp=block&blockid=QUFBQUFB"), new StringContent("x")));
        Assert.Single(Assert.Single(await ArrivedAsync(container)).Blocks);
    }

    [Fact]
    public async Task PutBlock_Empty_IsRefused()
    {
        var (_, url) = await Host.GrantAsync();
        Assert.Equal("400 InvalidHeaderValue", await SendAsync(Blob(url, "a", "&comp=block&blockid=QUFB"), new ByteArrayContent([])));
    }

    [Theory]
    [InlineData("<BlockList><Latest>QUFB</Latest></BlockList>", "400 InvalidBlockList")]
    [InlineData("<BlockList><Committed>QkJC</Committed></BlockList>", "400 InvalidBlockList")]
    [InlineData("<BlockList><Latest>%%%</Latest></BlockList>", "400 InvalidBlockId")]
    [InlineData("<BlockList><Other>QkJC</Other></BlockList>", "400 InvalidXmlDocument")]
    [InlineData("<BlockList><Latest>QkJC</Latest>", "400 InvalidXmlDocument")]
    [InlineData("<Blocks/>", "400 InvalidXmlDocument")]
    [InlineData("", "400 InvalidXmlDocument")]
    [InlineData("<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><BlockList><Latest>&b;</Latest></BlockList>", "400 InvalidXmlDocument")]
    [InlineData("<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><BlockList/>", "400 InvalidXmlDocument")]
    [InlineData("<BlockList><Uncommitted>QkJC</Uncommitted></BlockList>", "201")]
    public async Task PutBlockList_Bodies(string xml, string answer)
    {
        var (_, url) = await Host.GrantAsync();
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QkJC"), new StringContent("x")));
        Assert.Equal(answer, await SendAsync(Blob(url, "a", "&comp=blocklist"), new StringContent(xml)));
    }

    [Fact]
    public async Task PutBlockList_TooLong_IsRefused()
    {
        var (_, url) = await Host.GrantAsync();
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QkJC"), new StringContent("x")));
        var many = new StringBuilder("<BlockList>").Insert(11, "<Latest>QkJC</Latest>", 50_001).Append("</BlockList>").ToString();
        Assert.Equal("400 BlockListTooLong", await SendAsync(Blob(url, "a", "&comp=blocklist"), new StringContent(many)));
        Assert.Equal("413 RequestBodyTooLarge", await SendAsync(Blob(url, "a", "&comp=blocklist"), new ByteArrayContent(new byte[9 << 20])));
    }

    [Fact]
    public async Task PutBlockList_OfTheMost_IsOneBlob()
    {
        var (container, url) = await Host.GrantAsync();
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QkJC"), new StringContent("xy")));
        var most = new StringBuilder("<BlockList>").Insert(11, "<Latest>QkJC</Latest>", 50_000).Append("</BlockList>").ToString();
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=blocklist"), new StringContent(most)));
        var blob = Assert.Single(await ArrivedAsync(container));
        Assert.Equal(100_000, blob.Size);
        await using var stream = await Host.Ingress.OpenAsync(container, "a", blob.ETag, default);
        stream.Position = 99_997;
        var end = new byte[3];
        await stream.ReadExactlyAsync(end);
        Assert.Equal("yxy"u8.ToArray(), end);
    }

    [Fact]
    public async Task BlockList_MayMixCommittedAndStagedBlocks_AndRepeatThem()
    {
        var (container, url) = await Host.GrantAsync();
        var blob = new BlobContainerClient(url, BlobHost.Options).GetBlockBlobClient("a");
        await blob.StageBlockAsync(Id(1), BinaryData.FromString("one ").ToStream());
        await blob.StageBlockAsync(Id(2), BinaryData.FromString("two ").ToStream());
        await blob.CommitBlockListAsync([Id(1), Id(2)]);
        await blob.StageBlockAsync(Id(2), BinaryData.FromString("TWO ").ToStream());
        await blob.StageBlockAsync(Id(3), BinaryData.FromString("three ").ToStream());
        await blob.StageBlockAsync(Id(4), BinaryData.FromString("dropped ").ToStream());
        var mixed = $"<BlockList><Latest>{Id(2)}</Latest><Committed>{Id(2)}</Committed><Uncommitted>{Id(3)}</Uncommitted><Latest>{Id(1)}</Latest><Latest>{Id(1)}</Latest></BlockList>";
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=blocklist"), new StringContent(mixed)));
        Assert.Equal("TWO two three one one ", (await Reader(container).GetBlobClient("a").DownloadContentAsync()).Value.Content.ToString());
        Assert.Empty(Assert.Single(await ArrivedAsync(container)).Blocks);
        var list = (await Reader(container).GetBlockBlobClient("a").GetBlockListAsync()).Value;
        Assert.Equal([(Id(2), 4L), (Id(2), 4), (Id(3), 6), (Id(1), 4), (Id(1), 4)], list.CommittedBlocks.Select(b => (b.Name, b.SizeLong)));
    }

    [Fact]
    public async Task PutBlob_DropsStagedBlocks_AndReplacedPartsLeaveTheDisk()
    {
        var (container, url) = await Host.GrantAsync();
        var folder = Path.Combine(Host.Data, "ingress", "parts", "uploads", container);
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QkJC"), new StringContent("x")));
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QkJC"), new StringContent("y")));
        Assert.Equal("201", await PutAsync(url, "a", [1, 2, 3]));
        Assert.Equal("201", await PutAsync(url, "a", [4, 5, 6]));
        var blob = Assert.Single(await ArrivedAsync(container));
        Assert.Equal((true, 3L, 0), (blob.Committed, blob.Size, blob.Blocks.Count));
        Assert.Single(Directory.GetFiles(folder, "*", SearchOption.AllDirectories));
        await Host.Ingress.DeleteAsync(container, default);
        Assert.False(Directory.Exists(folder) && Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Length > 0);
    }

    [Fact]
    public async Task Content_NeverLiesReadableOnTheDisk()
    {
        var (container, url) = await Host.GrantAsync();
        var secret = Encoding.ASCII.GetBytes("WANG^XIAOMING-" + container);
        Assert.Equal("201", await PutAsync(url, "a", secret));
        Assert.Equal("201", await SendAsync(Blob(url, "b", "&comp=block&blockid=QkJC"), new ByteArrayContent(secret)));
        var files = Directory.GetFiles(Path.Combine(Host.Data, "ingress"), "*", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy);
            Assert.Equal(-1, copy.ToArray().AsSpan().IndexOf(secret));
        }
    }

    [Fact]
    public async Task Limits_OnBlocksAndBodies_Answer413_BeforeTheBodyIsRead()
    {
        await using var host = await BlobHost.StartAsync(null, ("Skylight:Uploads:MaxBlockBytes", (1 << 20).ToString(CultureInfo.InvariantCulture)), ("Skylight:Blobs:MaxPutBlobBytes", "2000000"));
        var url = (await host.GrantAsync()).Url;
        var blob = new BlobContainerClient(url, BlobHost.Options).GetBlockBlobClient("a");
        await blob.StageBlockAsync("QkJC", new MemoryStream(new byte[1 << 20]));
        var block = await Assert.ThrowsAsync<RequestFailedException>(() => blob.StageBlockAsync("QkJC", new MemoryStream(new byte[(1 << 20) + 1])));
        Assert.Equal((413, "RequestBodyTooLarge"), (block.Status, block.ErrorCode));
        var whole = await Assert.ThrowsAsync<RequestFailedException>(() => blob.UploadAsync(new MemoryStream(new byte[2_000_001])));
        Assert.Equal((413, "RequestBodyTooLarge"), (whole.Status, whole.ErrorCode));
    }

    [Fact]
    public async Task FreeSpaceBelowTheFloor_Answers507()
    {
        await using var host = await BlobHost.StartAsync(null, ("Skylight:Uploads:FreeSpaceFloorBytes", "9000000000000000000"));
        var url = (await host.GrantAsync()).Url;
        var error = await Assert.ThrowsAsync<RequestFailedException>(() => new BlobContainerClient(url, BlobHost.Options).UploadBlobAsync("a", BinaryData.FromString("x")));
        Assert.Equal((507, "InsufficientStorage"), (error.Status, error.ErrorCode));
    }

    [Fact]
    public async Task Headers_ThatCannotBeHonoured_AreRefused()
    {
        var (container, url) = await Host.GrantAsync();
        Assert.Equal("400 MissingRequiredHeader", await SendAsync(Blob(url, "a"), new StringContent("x")));
        Assert.Equal("400 InvalidHeaderValue", await SendAsync(Blob(url, "a"), new StringContent("x"), ("x-ms-blob-type", "AppendBlob")));
        Assert.Equal("400 UnsupportedHeader", await PutAsync(url, "a", [], ("x-ms-copy-source", "http://169.254.169.254/latest")));
        Assert.Equal("400 UnsupportedHeader", await PutAsync(url, "a", [1], ("x-ms-structured-body", "XSM/1.0; properties=crc64")));
        Assert.Equal("412 LeaseNotPresentWithBlobOperation", await PutAsync(url, "a", [1], ("x-ms-lease-id", "11111111-1111-1111-1111-111111111111")));
        Assert.Equal("400 MetadataTooLarge", await PutAsync(url, "a", [1], ("x-ms-meta-a", new string('x', 9000))));
        Assert.Equal("400 UnsupportedQueryParameter", await SendAsync(Blob(url, "a", "&comp=metadata"), new ByteArrayContent([])));
        Assert.Equal("403 AuthorizationPermissionMismatch", await SendAsync(Blob(url, "a", "&comp=tags"), new ByteArrayContent([])));
        Assert.Empty(await ArrivedAsync(container));
    }

    [Fact]
    public async Task NoContentLength_Is411()
    {
        var (_, url) = await Host.GrantAsync();
        using var request = new HttpRequestMessage(HttpMethod.Put, Blob(url, "a")) { Content = new StringContent("x") };
        request.Headers.Add("x-ms-blob-type", "BlockBlob");
        request.Headers.TransferEncodingChunked = true;
        using var response = await Host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.LengthRequired, response.StatusCode);
    }

    [Fact]
    public async Task BodyThatEndsEarly_StoresNothing()
    {
        var (container, url) = await Host.GrantAsync();
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(IPAddress.Loopback, Host.Client.BaseAddress!.Port);
            var head = $"PUT {url.AbsolutePath}/a{url.Query} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-blob-type: BlockBlob\r\nContent-Length: 1000\r\n\r\nonly this";
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
        }

        // The next request comes after the broken one has been noticed or not; either way nothing may appear.
        Assert.Equal("201", await PutAsync(url, "b", [1]));
        Assert.Equal(["b"], (await ArrivedAsync(container)).Select(i => i.Name));
    }

    [Theory]
    [InlineData("..%2F..%2F..%2Fetc%2Fpasswd", "../../../etc/passwd")]
    [InlineData("%2e%2e/%2e%2e/x", "../../x")]
    [InlineData("a%5C..%5Cb", "a\\..\\b")]
    [InlineData("a//b", "a//b")]
    [InlineData("%E5%9B%BE%E5%83%8F%20%2B%25", "图像 +%")]
    public async Task Names_AreOpaque_AndNeverPaths(string encoded, string name)
    {
        var (container, url) = await Host.GrantAsync();
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, Host.Client.BaseAddress!.Port);
        // By hand: a client library would resolve the dots.
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"PUT {url.AbsolutePath}/{encoded}{url.Query} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-blob-type: BlockBlob\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"));
        using var reader = new StreamReader(socket.GetStream());
        Assert.StartsWith("HTTP/1.1 201", await reader.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(name, Assert.Single(await ArrivedAsync(container)).Name);
    }

    [Fact]
    public async Task Names_ThatNoReportCouldShow_AreRefused()
    {
        var (container, url) = await Host.GrantAsync();
        Assert.Equal("400 InvalidResourceName", await PutAsync(url, "a%0Ab", [1]));
        Assert.Equal("400 InvalidResourceName", await PutAsync(url, "a%FFb", [1]));
        Assert.Equal("400 InvalidResourceName", await PutAsync(url, "a%C0%AFb", [1]));
        Assert.Equal("400 OutOfRangeInput", await PutAsync(url, new string('a', 1025), [1]));
        Assert.Equal("201", await PutAsync(url, new string('a', 1024), [1]));
        Assert.Single(await ArrivedAsync(container));
    }

    [Fact]
    public async Task Headers_BeyondAllMeasure_AreRefused()
    {
        var (container, url) = await Host.GrantAsync();
        Assert.StartsWith("431", await PutAsync(url, "a", [1], ("x-ms-meta-a", new string('x', 60_000))), StringComparison.Ordinal);
        Assert.Empty(await ArrivedAsync(container));
    }

    [Fact]
    public async Task Properties_AndMetadata_ComeBack()
    {
        var (container, url) = await Host.GrantAsync();
        await new BlobContainerClient(url, BlobHost.Options).GetBlobClient("a").UploadAsync(
            BinaryData.FromString("hello"),
            new BlobUploadOptions { HttpHeaders = new BlobHttpHeaders { ContentType = "application/dicom" }, Metadata = new Dictionary<string, string> { ["source"] = "ct1" } });
        var properties = (await Reader(container).GetBlobClient("a").GetPropertiesAsync()).Value;
        Assert.Equal(("application/dicom", 5L, "ct1", BlobType.Block), (properties.ContentType, properties.ContentLength, properties.Metadata["source"], properties.BlobType));
        Assert.Equal(Md5("hello"u8), properties.ContentHash);
        Assert.Equal(Assert.Single(await ArrivedAsync(container)).ETag, properties.ETag.ToString().Trim('"'));
    }

    [Theory]
    [InlineData("bytes=0-4", "206 01234")]
    [InlineData("bytes=6-", "206 6789")]
    [InlineData("bytes=3-100", "206 3456789")]
    [InlineData("bytes=4-4", "206 4")]
    [InlineData("bytes=10-", "416 InvalidRange")]
    [InlineData("bytes=5-3", "416 InvalidRange")]
    [InlineData("bytes=x-", "416 InvalidRange")]
    public async Task GetBlob_Ranges(string range, string answer)
    {
        var (container, url) = await Host.GrantAsync();
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QUFB"), new StringContent("01234")));
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=block&blockid=QkJC"), new StringContent("56789")));
        Assert.Equal("201", await SendAsync(Blob(url, "a", "&comp=blocklist"), new StringContent("<BlockList><Latest>QUFB</Latest><Latest>QkJC</Latest></BlockList>")));
        using var request = new HttpRequestMessage(HttpMethod.Get, Blob(Host.Sign(container, "r"), "a"));
        request.Headers.Add("x-ms-range", range);
        request.Headers.Add("x-ms-range-get-content-md5", "true");
        using var response = await Host.Client.SendAsync(request);
        var body = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(answer, $"{(int)response.StatusCode} {(response.IsSuccessStatusCode ? Encoding.ASCII.GetString(body) : response.Headers.GetValues("x-ms-error-code").Single())}");
        if (response.IsSuccessStatusCode) Assert.Equal(Md5(body), response.Content.Headers.ContentMD5);
    }

    [Fact]
    public async Task Get_IfNoneMatchOfTheVersion_Is304()
    {
        var (container, url) = await Host.GrantAsync();
        Assert.Equal("201", await PutAsync(url, "a", [1]));
        using var request = new HttpRequestMessage(HttpMethod.Get, Blob(Host.Sign(container, "r"), "a"));
        request.Headers.IfNoneMatch.Add(new EntityTagHeaderValue($"\"{Assert.Single(await ArrivedAsync(container)).ETag}\""));
        using var response = await Host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotModified, response.StatusCode);
    }

    [Fact]
    public async Task UploadAsync_OfAnEmptyBlob_Works()
    {
        var (container, url) = await Host.GrantAsync();
        await new BlobContainerClient(url, BlobHost.Options).GetBlobClient("empty").UploadAsync(new MemoryStream());
        var blob = Assert.Single(await ArrivedAsync(container));
        Assert.Equal((true, 0L), (blob.Committed, blob.Size));
        await using var stream = await Host.Ingress.OpenAsync(container, "empty", blob.ETag, default);
        Assert.Equal(0, await stream.ReadAsync(new byte[1]));
    }

    [Fact]
    public async Task Restart_KeepsUrlsBlobsAndBlocks()
    {
        var data = Directory.CreateTempSubdirectory("skylight-").FullName;
        string container;
        await using (var host = await BlobHost.StartAsync(data))
        {
            (container, var url) = await host.GrantAsync();
            var client = new BlobContainerClient(url, BlobHost.Options);
            await client.UploadBlobAsync("a", BinaryData.FromString("whole"));
            await client.GetBlockBlobClient("b").StageBlockAsync("QkJC", BinaryData.FromString("staged").ToStream());
        }

        await using (var host = await BlobHost.StartAsync(data))
        {
            var client = new BlobContainerClient(await host.Ingress.GrantAsync(container, host.Time.GetUtcNow().AddHours(1), default), BlobHost.Options);
            await client.GetBlockBlobClient("b").CommitBlockListAsync(["QkJC"]);
            var page = await host.Ingress.ListAsync(container, true, 10, null, default);
            Assert.Equal([("a", 5L), ("b", 6L)], page.Items.Select(i => (i.Name, i.Size)));
            using var reader = new StreamReader(await host.Ingress.OpenAsync(container, "b", page.Items[1].ETag, default));
            Assert.Equal("staged", await reader.ReadToEndAsync());
        }

        Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task CompletionBlob_IsAnnounced_OtherBlobsAreNot_AndAFailureIsRepeated()
    {
        await using var host = await BlobHost.StartAsync();
        host.Published.Failures = 1;
        var (container, url) = await host.GrantAsync();
        var client = new BlobContainerClient(url, BlobHost.Options);
        await client.UploadBlobAsync("a", BinaryData.FromString("x"));
        await client.UploadBlobAsync(UploadSessions.CompletionBlob, BinaryData.FromString("[]"));
        var announced = await host.Published.NextAsync();
        Assert.Equal("Microsoft.Storage.BlobCreated", announced.Type);
        Assert.Equal($"/blobServices/default/containers/{container}/blobs/_complete.json", announced.Subject);
        Assert.Equal("PutBlob", announced.Data.GetProperty("api").GetString());
        Assert.Equal(2, announced.Data.GetProperty("contentLength").GetInt64());
        Assert.EndsWith($"/{container}/_complete.json", announced.Data.GetProperty("url").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OtherPaths_AreNotThisEndpoints()
    {
        using var up = await Host.Client.GetAsync(new Uri("/up-something/else", UriKind.Relative));
        Assert.Equal("application/problem+json", up.Content.Headers.ContentType!.MediaType);
        using var account = await Host.Client.GetAsync(new Uri("/skylightedge/other", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, account.StatusCode);
    }

    [Fact]
    public void Options_WithABadAccountName_AreNamed()
    {
        var services = new ServiceCollection();
        Skylight.Edge.Blobs.BlobServices.AddBlobEndpoint(services, "/nowhere");
        services.AddSingleton<Microsoft.Extensions.Configuration.IConfiguration>(new Microsoft.Extensions.Configuration.ConfigurationManager { ["Skylight:Blobs:AccountName"] = "Not Valid" });
        using var provider = services.BuildServiceProvider();
        var error = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptions<Skylight.Edge.Blobs.BlobOptions>>().Value);
        Assert.Contains("AccountName", error.Message, StringComparison.Ordinal);
    }
}
