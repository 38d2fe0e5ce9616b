using System.Net;
using System.Xml.Linq;
using Azure;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Tests.Blobs;

public sealed class SasTests(EdgeIngressTests.Host fixture) : IClassFixture<EdgeIngressTests.Host>
{
    private BlobHost Host => fixture.Blobs;

    private static BinaryData Data => BinaryData.FromString("x");

    private static async Task<string> CodeAsync(Uri container, string blob = "a", Func<BlobClient, Task>? act = null)
    {
        var client = new BlobContainerClient(container, BlobHost.Options).GetBlobClient(blob);
        var error = await Assert.ThrowsAsync<RequestFailedException>(() => act is null ? client.UploadAsync(Data, overwrite: true) : act(client));
        return $"{error.Status} {error.ErrorCode}";
    }

    private static Uri With(Uri url, string parameter, string? value)
    {
        var query = url.Query[1..].Split('&').Where(p => !p.StartsWith(parameter + "=", StringComparison.Ordinal)).ToList();
        if (value is not null) query.Add($"{parameter}={Uri.EscapeDataString(value)}");
        return new UriBuilder(url) { Query = string.Join('&', query) }.Uri;
    }

    [Fact]
    public async Task Url_ShowsItsRights()
    {
        var (_, url) = await Host.GrantAsync();
        var sas = new BlobUriBuilder(url).Sas;
        Assert.Equal("cw", sas.Permissions);
        Assert.Equal(default, sas.StartsOn);
        Assert.InRange(sas.ExpiresOn, Host.Time.GetUtcNow(), Host.Time.GetUtcNow().AddHours(1));
    }

    [Fact]
    public async Task Refusal_IsTheServicesXml_WithItsHeaders()
    {
        var (_, url) = await Host.GrantAsync();
        using var request = new HttpRequestMessage(HttpMethod.Put, With(new UriBuilder(url) { Path = url.AbsolutePath + "/a" }.Uri, "sig", "AAAA")) { Content = new StringContent("x") };
        request.Headers.Add("x-ms-client-request-id", "my-own-id");
        request.Headers.Add("x-ms-version", "2022-11-02");
        using var response = await Host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("AuthenticationFailed", response.Headers.GetValues("x-ms-error-code").Single());
        Assert.Equal("2022-11-02", response.Headers.GetValues("x-ms-version").Single());
        Assert.Equal("my-own-id", response.Headers.GetValues("x-ms-client-request-id").Single());
        var id = response.Headers.GetValues("x-ms-request-id").Single();
        Assert.Equal("application/xml", response.Content.Headers.ContentType!.MediaType);
        var xml = XDocument.Parse((await response.Content.ReadAsStringAsync()).TrimStart('﻿')).Root!;
        Assert.Equal("AuthenticationFailed", xml.Element("Code")!.Value);
        Assert.Contains(id, xml.Element("Message")!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoSignature_Is401()
    {
        var (_, url) = await Host.GrantAsync();
        Assert.Equal("401 NoAuthenticationInformation", await CodeAsync(new UriBuilder(url) { Query = "" }.Uri));
    }

    [Theory]
    [InlineData("sig", "bm90IHRoZSBzaWduYXR1cmUgbm90IHRoZSBzaWduYXR1cmU=")]
    [InlineData("sig", "!!")]
    [InlineData("sp", "racwdl")]
    [InlineData("se", "2099-01-01T00:00:00Z")]
    [InlineData("st", "2020-01-01T00:00:00Z")]
    [InlineData("si", "other")]
    [InlineData("si", null)]
    [InlineData("sr", "b")]
    [InlineData("sv", "2019-02-02")]
    [InlineData("sv", "2015-04-05")]
    [InlineData("sip", "0.0.0.0-255.255.255.255")]
    [InlineData("spr", "https")]
    [InlineData("spr", null)]
    [InlineData("srt", "sco")]
    [InlineData("rscd", "inline")]
    public async Task Altered_InAnyField_IsRefused(string parameter, string? value)
    {
        var (_, url) = await Host.GrantAsync();
        Assert.Equal("403 AuthenticationFailed", await CodeAsync(With(url, parameter, value)));
    }

    [Fact]
    public async Task Expired_IsRefused()
    {
        var container = (await Host.GrantAsync()).Container;
        Assert.Equal("403 AuthenticationFailed", await CodeAsync(Host.Sign(container, "cw", s => s.ExpiresOn = Host.Time.GetUtcNow().AddSeconds(-1))));
    }

    [Fact]
    public async Task NotYetStarted_IsRefused()
    {
        var container = (await Host.GrantAsync()).Container;
        Assert.Equal("403 AuthenticationFailed", await CodeAsync(Host.Sign(container, "cw", s => s.StartsOn = Host.Time.GetUtcNow().AddMinutes(1))));
    }

    [Fact]
    public async Task OtherAddress_IsRefused_OwnIsNot()
    {
        var container = (await Host.GrantAsync()).Container;
        Assert.Equal("403 AuthorizationSourceIPMismatch", await CodeAsync(Host.Sign(container, "cw", s => s.IPRange = SasIPRange.Parse("10.0.0.1-10.0.0.9"))));
        await new BlobContainerClient(Host.Sign(container, "cw", s => s.IPRange = SasIPRange.Parse("127.0.0.1"))).UploadBlobAsync("a", Data);
        await new BlobContainerClient(Host.Sign(container, "cw", s => s.IPRange = SasIPRange.Parse("127.0.0.0-127.0.0.255"))).UploadBlobAsync("b", Data);
    }

    [Fact]
    public async Task HttpsOnly_OverHttp_IsRefused()
    {
        var container = (await Host.GrantAsync()).Container;
        Assert.Equal("403 AuthorizationProtocolMismatch", await CodeAsync(Host.Sign(container, "cw", s => s.Protocol = SasProtocol.Https)));
    }

    [Fact]
    public async Task CreateOnly_MayNotOverwrite_NorStageBlocks()
    {
        var container = (await Host.GrantAsync()).Container;
        var url = Host.Sign(container, "c");
        await new BlobContainerClient(url).UploadBlobAsync("a", Data);
        Assert.Equal("403 UnauthorizedBlobOverwrite", await CodeAsync(url));
        Assert.Equal(
            "403 AuthorizationPermissionMismatch",
            await CodeAsync(url, act: _ => new BlobContainerClient(url, BlobHost.Options).GetBlockBlobClient("b").StageBlockAsync("AAAA", Data.ToStream())));
    }

    [Fact]
    public async Task ReadOnly_MayNotWrite()
    {
        var container = (await Host.GrantAsync()).Container;
        Assert.Equal("403 AuthorizationPermissionMismatch", await CodeAsync(Host.Sign(container, "r")));
    }

    [Fact]
    public async Task OfOneBlob_WorksForThatBlobOnly()
    {
        var container = (await Host.GrantAsync()).Container;
        var url = Host.Sign(container, "cw", s => (s.BlobName, s.Resource) = ("a", "b"));
        await new BlobContainerClient(url).UploadBlobAsync("a", Data);
        Assert.Equal("403 AuthenticationFailed", await CodeAsync(url, "b"));
    }

    [Fact]
    public async Task GivenTwice_IsRefused()
    {
        var (_, url) = await Host.GrantAsync();
        using var response = await Host.Client.PutAsync(new Uri($"{url.GetLeftPart(UriPartial.Path)}/a{url.Query}&sp=racwdl"), new StringContent("x"));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task ContainerThatIsGone_WithAValidSignature_Is404_WithoutOne403()
    {
        var container = UploadId.Container(UploadId.New());
        Assert.Equal("404 ContainerNotFound", await CodeAsync(Host.Sign(container, "cw")));
        Assert.Equal("403 AuthenticationFailed", await CodeAsync(With(Host.Sign(container, "cw"), "sig", "AAAA")));
    }

    [Fact]
    public async Task Revoked_WhileABodyIsOnItsWay_StoresNothing()
    {
        var (container, url) = await Host.GrantAsync();
        var content = new GatedContent(async () => await Host.Ingress.RevokeAsync(container, default));
        using var request = new HttpRequestMessage(HttpMethod.Put, new UriBuilder(url) { Path = url.AbsolutePath + "/a" }.Uri) { Content = content };
        request.Headers.Add("x-ms-blob-type", "BlockBlob");
        using var response = await Host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Empty((await Host.Ingress.ListAsync(container, true, 10, null, default)).Items);
    }

    [Fact]
    public async Task DnsName_HasTheContainerFirst_AndWorksWithTheSdk()
    {
        await using var host = await BlobHost.StartAsync(null, ("Skylight:Hosting:PublicBaseUrl", "https://images.hospital.example"));
        var (container, url) = await host.GrantAsync();
        Assert.Equal($"https://images.hospital.example/{container}", url.GetLeftPart(UriPartial.Path));
        var options = BlobHost.Options;
        using var http = new HttpClient(new ToLocal(host.Client.BaseAddress!));
        options.Transport = new HttpClientTransport(http);
        var client = new BlobContainerClient(url, options);
        await client.GetBlobClient("folder/文件.dcm").UploadAsync(Data, overwrite: true);
        var blob = client.GetBlockBlobClient("blocks");
        await blob.StageBlockAsync("AAAA", Data.ToStream());
        await blob.CommitBlockListAsync(["AAAA"]);
        Assert.Equal(["blocks", "folder/文件.dcm"], (await host.Ingress.ListAsync(container, false, 10, null, default)).Items.Select(i => i.Name));
        var error = await Assert.ThrowsAsync<RequestFailedException>(() => client.GetBlobClient("blocks").GetPropertiesAsync());
        Assert.Equal("AuthorizationPermissionMismatch", error.ErrorCode);
    }

    [Fact]
    public async Task AccountKey_IsReadableByItsOwnerOnly_AndAnOpenOneStopsTheStart()
    {
        var data = Directory.CreateTempSubdirectory("skylight-").FullName;
        await using (var host = await BlobHost.StartAsync(data)) await host.GrantAsync();
        var file = Path.Combine(data, "ingress", "account.key");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        var error = await Assert.ThrowsAnyAsync<Exception>(async () => await (await BlobHost.StartAsync(data)).DisposeAsync());
        Assert.Contains("chmod 600", error.Message, StringComparison.Ordinal);
        Directory.Delete(data, recursive: true);
    }

    private sealed class GatedContent(Func<Task> between) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(new byte[100]);
            await stream.FlushAsync();
            await between();
            await stream.WriteAsync(new byte[100]);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 200;
            return true;
        }
    }

    private sealed class ToLocal(Uri local) : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Host = request.RequestUri!.Authority;
            request.RequestUri = new Uri(local, request.RequestUri.PathAndQuery);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
