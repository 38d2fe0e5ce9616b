using Skylight.Core.Rendering;
using Skylight.Imaging.Display;

namespace Skylight.Core.Tests.Rendering;

public sealed class RenderQueryTests
{
    private static readonly RenderingOptions Settings = new();

    private static RenderQuery? Parse(string? viewport = null, string? window = null, string? quality = null, bool thumbnail = false) =>
        RenderQuery.Parse(viewport, window, quality, thumbnail, Settings, out _);

    [Fact]
    public void Parse_OfNothing_IsTheImageAsItIs()
    {
        var query = Parse();
        Assert.Equal(new RenderOptions(), query!.Options);
        Assert.Equal(Settings.JpegQuality, query.Quality);
    }

    [Fact]
    public void Parse_ViewportWithARegion_TakesItsMirrorsAndDefaults()
    {
        var options = Parse("64,32,1,,-20,")!.Options;
        Assert.Equal((64, 32), (options.MaxWidth, options.MaxHeight));
        Assert.Equal(new RenderRegion(1, 0, 20, 65_535, MirrorX: true), options.Region);
    }

    [Theory]
    [InlineData("10,20", VoiFunction.Linear)]
    [InlineData("10,20,linear", VoiFunction.Linear)]
    [InlineData("10,20,LINEAR_EXACT", VoiFunction.LinearExact)]
    [InlineData("10,20,sigmoid", VoiFunction.Sigmoid)]
    public void Parse_Window_HasItsFunction(string window, VoiFunction function) => Assert.Equal(new VoiWindow(10, 20, function), Parse(window: window)!.Options.Window);

    [Theory]
    [InlineData("viewport", "a,b")]
    [InlineData("viewport", "1,2,3")]
    [InlineData("viewport", "8193,1")]
    [InlineData("viewport", "5,5,-1,0,2,2")]
    [InlineData("viewport", "5,5,0,0,0,2")]
    [InlineData("viewport", "5,5,0,0,NaN,2")]
    [InlineData("window", "1,Infinity")]
    [InlineData("window", "1,0.5,linear")]
    [InlineData("quality", "-1")]
    public void Parse_Malformed_NamesTheParameter(string parameter, string value)
    {
        Assert.Null(RenderQuery.Parse(parameter == "viewport" ? value : null, parameter == "window" ? value : null, parameter == "quality" ? value : null, false, Settings, out var wrong));
        Assert.Equal(parameter, wrong);
    }

    [Fact]
    public void Parse_Thumbnail_HasABox_AndTakesNoRegionNorWindow()
    {
        var options = Parse(window: "1,2", thumbnail: true)!.Options;
        Assert.Equal(new RenderOptions { MaxWidth = 256, MaxHeight = 256, Enlarge = false }, options);
        Assert.Null(Parse("64,64,0,0,1,1", thumbnail: true));
    }
}
