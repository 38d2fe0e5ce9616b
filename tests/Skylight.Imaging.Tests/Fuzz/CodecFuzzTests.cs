using System.Globalization;

namespace Skylight.Imaging.Tests.Fuzz;

/// <summary>Rented buffers are counted here, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(CodecFuzzTests), DisableParallelization = true)]
public sealed class FuzzAlone;

/// <summary>A short run in this process; <c>./dev bench fuzz</c> runs as many as wanted in processes of their own. SKYLIGHT_FUZZ multiplies the inputs.</summary>
[Collection(nameof(CodecFuzzTests))]
public sealed class CodecFuzzTests
{
    private static int Scale => int.TryParse(Environment.GetEnvironmentVariable("SKYLIGHT_FUZZ"), NumberStyles.None, CultureInfo.InvariantCulture, out var scale) ? scale : 1;

    [Fact]
    public void Decode_OfDamagedFrames_AnswersOrRefuses()
    {
        var (decoded, refused) = (0, 0);
        var rented = PixelBuffers.Rented;
        for (long number = 0; number < 6_000L * Scale; number++)
        {
            if (CodecFuzzer.Run(CodecFuzzer.Make(20, number))) decoded++;
            else refused++;
        }

        // Both happen, else the mutations are too weak or too strong to show anything.
        Assert.True(decoded > 100 && refused > 1_000, $"{decoded} decoded, {refused} refused");
        Assert.Equal(rented, PixelBuffers.Rented);
    }

    [Fact]
    public void Make_OfTheSameNumber_IsTheSameInput()
    {
        var (a, b) = (CodecFuzzer.Make(3, 12345), CodecFuzzer.Make(3, 12345));
        Assert.Equal(a.Frame, b.Frame);
        Assert.Equal(a.Layout, b.Layout);
    }

    [Fact]
    public void All_SeedsButTheRefusedOnes_Decode()
    {
        foreach (var target in FuzzTarget.All)
            Assert.Equal(!target.Name.StartsWith("Arithmetic", StringComparison.Ordinal) && !target.Name.StartsWith("HighThroughput", StringComparison.Ordinal), CodecFuzzer.Run(new FuzzInput(target, target.Layout, target.Frame)));
    }
}
